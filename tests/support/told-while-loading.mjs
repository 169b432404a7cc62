// Preloaded with --import: tells its own process to end (SIGTERM) at the moment it begins to load its first library.
import { register } from 'node:module';

const hooks = `
let told = false;
export async function resolve(specifier, context, next) {
  if (specifier === 'commander' && !told) {
    told = true;
    process.kill(process.pid, 'SIGTERM');
  }
  return next(specifier, context);
}`;
register(`data:text/javascript,${encodeURIComponent(hooks)}`);
