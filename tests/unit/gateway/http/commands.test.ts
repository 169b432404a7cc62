import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type CommandAnswer, CommandError, type CommandRequest } from '../../../../gateway/commands.ts';
import { type TestDoor, testDoor } from '../../../support/http-door.ts';

let door: TestDoor;
let operator: string;
let sent: { request: CommandRequest; who: string }[];
let answer: CommandAnswer;
let refusal: CommandError | undefined;

beforeEach(async () => {
  sent = [];
  answer = { id: 'c1', status: 'done', readBack: 40 };
  refusal = undefined;
  door = await testDoor({
    commands: {
      async send(request, who) {
        if (refusal !== undefined) throw refusal;
        sent.push({ request, who });
        return answer.id;
      },
      answer: async (id) => (id === answer.id ? answer : undefined),
    },
  });
  operator = await door.signIn('olga');
});
afterEach(() => door.app.close());

const send = (body: unknown, cookie = operator) => door.post('/api/v1/devices/lc-07/commands', body, cookie);

describe('commands over HTTP', () => {
  it('hands on what an operator asks for, with the name, and answers what the edge said', async () => {
    const { status, body } = await send({ point: 'dimLevel', value: 40 });
    expect([status, body]).toEqual([200, { id: 'c1', status: 'done', readBack: 40 }]);
    expect(sent).toEqual([
      {
        request: { device: 'lc-07', point: 'dimLevel', value: 40, ttlMs: 10_000, mode: 'direct' },
        who: 'olga',
      },
    ]);
    await send({ point: 'dimLevel', value: 40, mode: 'operate', select: 'c0', ttlMs: 500 });
    expect(sent[1]?.request).toMatchObject({ mode: 'operate', select: 'c0', ttlMs: 500 });
  });

  it('says 202 and where to ask again while there is no answer', async () => {
    answer = { id: 'c1', status: 'open' };
    const { status, body, headers } = await send({ point: 'dimLevel', value: 40 });
    expect([status, body, headers.location]).toEqual([202, { id: 'c1', status: 'open' }, '/api/v1/commands/c1']);
    answer = { id: 'c1', status: 'rejected', reason: 'service: somebody works on lc-07' };
    expect(await door.get('/api/v1/commands/c1', operator)).toMatchObject({ status: 200, body: answer });
    expect((await door.get('/api/v1/commands/c2', operator)).body.code).toBe('command-unknown');
  });

  it('takes nothing half, wrong or unknown', async () => {
    for (const body of [
      undefined,
      {},
      { point: 'dimLevel' },
      { point: 'dimLevel', value: '40' },
      { point: 'dim/Level', value: 40 },
      { point: '#', value: 40 },
      { point: 'dimLevel', value: 40, ttlMs: 0 },
      { point: 'dimLevel', value: 40, ttlMs: 300_001 },
      { point: 'dimLevel', value: 40, mode: 'operate' },
      { point: 'dimLevel', value: 40, select: 'c0' },
      { point: 'dimLevel', value: 40, id: 'mine' },
    ])
      expect(await send(body), JSON.stringify(body)).toMatchObject({ status: 400, body: { code: 'input-invalid' } });
    expect(sent).toEqual([]);
  });

  it('is for operators', async () => {
    const viewer = await door.signIn('vera');
    expect((await send({ point: 'dimLevel', value: 40 }, viewer)).status).toBe(403);
    expect((await door.get('/api/v1/commands/c1', viewer)).status).toBe(403);
    expect(sent).toEqual([]);
  });

  it('says why nothing was sent', async () => {
    for (const [code, status] of [
      ['device-unknown', 404],
      ['device-without-edge', 409],
      ['edge-offline', 409],
      ['point-busy', 409],
      ['commands-busy', 429],
      ['not-ready', 503],
    ] as const) {
      refusal = new CommandError(code, 'why');
      expect(await send({ point: 'dimLevel', value: 40 })).toMatchObject({ status, body: { code } });
    }
  });

  it('describes both good answers', async () => {
    const { body } = await door.get('/api/v1/openapi.json', operator);
    const { responses } = body.paths['/api/v1/devices/{device}/commands'].post;
    expect(Object.keys(responses)).toEqual(expect.arrayContaining(['200', '202', 'default']));
  });
});
