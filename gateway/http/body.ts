import type { FastifyInstance } from 'fastify';
import { Problem } from './problem.ts';

/** Levels of arrays and objects; our deepest message has five. */
export const DEPTH_MAX = 32;

/** Reads JSON bodies: bounded in depth, an empty one is no body, and keys that reach for prototypes are refused. */
export function readBodies(app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser('error', 'error');
  app.removeAllContentTypeParsers();
  app.addContentTypeParser<string>(['application/json'], { parseAs: 'string' }, (request, body, done) => {
    if (body.length === 0) return done(null, undefined);
    if (isDeeper(body, DEPTH_MAX))
      return done(new Problem('body-too-deep', `At most ${DEPTH_MAX} levels of arrays and objects.`));
    void parse(request, body, (error, value) => {
      if (error === null || error === undefined) return done(null, value);
      return done(new Problem('body-not-json', error.message));
    });
  });
}

/** Takes every body as bytes. */
export function readBytes(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
}

/** Counts brackets outside of strings: parsing first would build what we refuse. */
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
