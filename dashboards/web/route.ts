/** Where in the page we are; lives behind the `#`, so that the gateway serves one document. */
export type Route =
  | { readonly page: 'overview' }
  | { readonly page: 'alarms'; readonly alarm?: string }
  | { readonly page: 'device'; readonly device: string }
  | { readonly page: 'explore'; readonly point?: string }
  | { readonly page: 'settings' };

export function parseRoute(hash: string): Route {
  const [page, ...rest] = hash.replace(/^#\/?/, '').split('/').map(decode);
  if (page === 'alarms') return rest[0] ? { page, alarm: rest[0] } : { page };
  if (page === 'explore') return rest.length >= 2 ? { page, point: rest.join('/') } : { page };
  if (page === 'devices' && rest[0]) return { page: 'device', device: rest[0] };
  if (page === 'settings') return { page };
  return { page: 'overview' };
}

export function hrefOf(route: Route): string {
  const encode = encodeURIComponent;
  if (route.page === 'alarms') return route.alarm === undefined ? '#/alarms' : `#/alarms/${encode(route.alarm)}`;
  if (route.page === 'explore')
    return route.point === undefined ? '#/explore' : `#/explore/${route.point.split('/').map(encode).join('/')}`;
  if (route.page === 'device') return `#/devices/${encode(route.device)}`;
  return `#/${route.page}`;
}

/** A broken escape in an address typed by hand is not worth a blank page. */
function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
