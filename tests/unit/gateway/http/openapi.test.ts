import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type TestDoor, testDoor } from '../../../support/http-door.ts';

interface Operation {
  readonly operationId: string;
  readonly security: readonly unknown[];
  readonly parameters: readonly { readonly name: string; readonly in: string }[];
  readonly responses: Readonly<Record<string, { readonly $ref?: string }>>;
}
type Paths = Readonly<Record<string, Readonly<Record<string, Operation>>>>;

let door: TestDoor;
beforeEach(async () => {
  door = await testDoor();
});
afterEach(() => door.app.close());

describe('the OpenAPI document', () => {
  it('gives each operation a name of its own, its path parameters and its refusals', async () => {
    const { body } = await door.get('/api/v1/openapi.json', await door.signIn());
    const names: string[] = [];
    for (const [path, methods] of Object.entries(body.paths as Paths))
      for (const operation of Object.values(methods)) {
        names.push(operation.operationId);
        const inPath = operation.parameters.filter((parameter) => parameter.in === 'path').map(({ name }) => name);
        expect(inPath, path).toEqual([...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name));
        expect('404' in operation.responses, path).toBe(inPath.length > 0);
        expect('401' in operation.responses, path).toBe(operation.security.length > 0);
        for (const { $ref } of Object.values(operation.responses))
          if ($ref !== undefined) expect(Object.keys(body.components.responses)).toContain($ref.split('/').at(-1));
      }
    expect(new Set(names).size).toBe(names.length);
    expect(names).toContain('postAlarmsByIdAcknowledge');
    const contents = (path: string) =>
      Object.keys((body.paths[path].get.responses['200'] as { content: Record<string, unknown> }).content);
    expect(contents('/api/v1/openapi.json')).toEqual(['application/json']);
    expect(contents('/api/v1/export')).toEqual(['text/csv', 'application/vnd.apache.parquet']);
    expect(contents('/api/v1/leakage/figures')).toEqual(['application/json', 'text/csv']);
    for (const name of names) expect(name).toMatch(/^[a-z]+[A-Za-z0-9]+$/);
  });
});
