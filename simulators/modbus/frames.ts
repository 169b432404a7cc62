import jsmodbus from 'jsmodbus';
import type { Answer, Request } from './answer.ts';

const { requests, responses } = jsmodbus;

type RequestBody = jsmodbus.ModbusAbstractRequest['body'];
type ResponseBody = InstanceType<typeof responses.ModbusResponseBody>;

/** The library's request body as ours; undefined for one we don't serve. */
export function requestOf(body: RequestBody): Request | undefined {
  if (body instanceof requests.ReadCoilsRequestBody)
    return { kind: 'read', table: 'coil', address: body.start, count: body.count };
  if (body instanceof requests.ReadDiscreteInputsRequestBody)
    return { kind: 'read', table: 'discreteInput', address: body.start, count: body.count };
  if (body instanceof requests.ReadHoldingRegistersRequestBody)
    return { kind: 'read', table: 'holdingRegister', address: body.start, count: body.count };
  if (body instanceof requests.ReadInputRegistersRequestBody)
    return { kind: 'read', table: 'inputRegister', address: body.start, count: body.count };
  if (body instanceof requests.WriteSingleCoilRequestBody)
    return { kind: 'write', table: 'coil', address: body.address, values: [body.value === 0xff00 ? 1 : 0] };
  if (body instanceof requests.WriteSingleRegisterRequestBody)
    return { kind: 'write', table: 'holdingRegister', address: body.address, values: [body.value] };
  if (body instanceof requests.WriteMultipleRegistersRequestBody)
    return { kind: 'write', table: 'holdingRegister', address: body.address, values: wordsOf(body.valuesAsBuffer) };
  return undefined;
}

/** Our answer as the library's response body, ready to be framed. */
export function responseOf(body: RequestBody, answer: Answer): ResponseBody {
  if (answer.kind === 'exception') return new responses.ExceptionResponseBody(body.fc, answer.code as 1);
  if (answer.kind === 'done') {
    if (body instanceof requests.WriteSingleCoilRequestBody)
      return responses.WriteSingleCoilResponseBody.fromRequest(body);
    if (body instanceof requests.WriteSingleRegisterRequestBody)
      return responses.WriteSingleRegisterResponseBody.fromRequest(body);
    return responses.WriteMultipleRegistersResponseBody.fromRequest(
      body as InstanceType<typeof requests.WriteMultipleRegistersRequestBody>,
    );
  }
  const { values } = answer;
  if (body instanceof requests.ReadCoilsRequestBody || body instanceof requests.ReadDiscreteInputsRequestBody) {
    const bytes = Buffer.alloc(Math.ceil(values.length / 8));
    values.forEach((value, index) => {
      if (value !== 0) bytes[index >> 3] = (bytes[index >> 3] ?? 0) | (1 << (index & 7));
    });
    return body instanceof requests.ReadCoilsRequestBody
      ? new responses.ReadCoilsResponseBody(bytes as never, bytes.length)
      : new responses.ReadDiscreteInputsResponseBody(bytes as never, bytes.length);
  }
  const words = Buffer.alloc(values.length * 2);
  values.forEach((value, index) => {
    words.writeUInt16BE(value & 0xffff, index * 2);
  });
  return body instanceof requests.ReadHoldingRegistersRequestBody
    ? new responses.ReadHoldingRegistersResponseBody(words.length, words)
    : new responses.ReadInputRegistersResponseBody(words.length, words);
}

function wordsOf(bytes: Buffer): number[] {
  return Array.from({ length: bytes.length >> 1 }, (_, index) => bytes.readUInt16BE(index * 2));
}
