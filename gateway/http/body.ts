import type { FastifyInstance } from 'fastify';
import { DEPTH_MAX, isDeeper } from '../../contract/json-depth.ts';
import { Problem } from './problem.ts';

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
