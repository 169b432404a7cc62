/** Levels of arrays and objects in JSON from outside; our deepest message has five. */
export const DEPTH_MAX = 32;

/**
 * Counts brackets outside of texts: what is nested by the thousand is built in no time, and then fails in everything that
 * walks it.
 */
export function isDeeper(json: string, depthMax: number): boolean {
  let depth = 0;
  let inString = false;
  for (let at = 0; at < json.length; at++) {
    const code = json.charCodeAt(at);
    if (inString) {
      if (code === 0x5c) at++;
      else if (code === 0x22) inString = false;
    } else if (code === 0x22) inString = true;
    else if (code === 0x7b || code === 0x5b) {
      depth++;
      if (depth > depthMax) return true;
    } else if (code === 0x7d || code === 0x5d) depth--;
  }
  return false;
}
