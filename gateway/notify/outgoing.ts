import { type LookupAddress, lookup as lookupName } from 'node:dns';
import { BlockList, isIP, type LookupFunction } from 'node:net';
import { Agent, type Dispatcher, ProxyAgent } from 'undici';
import { ChannelError } from './channel.ts';

/**
 * Addresses a configured URL must not reach unless it is allowed by name: our own machine and inner networks
 * (IANA special-purpose registries, RFC 6890 and updates).
 */
const INNER: readonly (readonly [address: string, prefix: number])[] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
  // Everything in IPv6 that is not global unicast 2000::/3, and what in it carries an IPv4 address or documentation.
  ['::', 3],
  ['4000::', 2],
  ['8000::', 1],
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
];

export interface Outgoing {
  /** Where requests go through; checks addresses at each connection. */
  readonly dispatcher: Dispatcher;
  /** @throws ChannelError when the URL itself names an inner address */
  check(url: URL): void;
  close(): Promise<void>;
}

export interface OutgoingOptions {
  /** Host names, addresses or networks (`10.1.0.0/16`) that may be reached though they are inner ones. */
  readonly allowHosts: readonly string[];
  /** `http://proxy:3128`; names are then resolved, and inner networks guarded, by the proxy. */
  readonly proxy?: string | undefined;
  readonly connectTimeoutMs: number;
  /** Given in tests. */
  readonly lookup?: typeof lookupName;
}

/**
 * Opens outgoing HTTP for configured URLs. The addresses a name resolves to are checked in the very look-up that the
 * connection uses, so a second answer of the name server can't slip past; redirects are not followed by the caller.
 */
export function openOutgoing({ allowHosts, proxy, connectTimeoutMs, lookup = lookupName }: OutgoingOptions): Outgoing {
  const names = new Set<string>();
  const allowed = new BlockList();
  for (const host of allowHosts) addAllowed(host, names, allowed);
  // One list per family: a joint one also matches IPv4 addresses as ::ffff:a.b.c.d.
  const inner = { ipv4: new BlockList(), ipv6: new BlockList() };
  for (const [address, prefix] of INNER) inner[family(address)].addSubnet(address, prefix, family(address));

  const refused = (address: string): boolean => {
    const plain =
      address.toLowerCase().startsWith('::ffff:') && isIP(address.slice(7)) === 4 ? address.slice(7) : address;
    return inner[family(plain)].check(plain, family(plain)) && !allowed.check(plain, family(plain));
  };
  const checkedLookup: LookupFunction = (host, options, done) => {
    lookup(host, { ...options, all: true }, (error, found) => {
      const addresses = found as LookupAddress[] | undefined;
      if (error !== null || addresses === undefined || addresses.length === 0)
        return done(error ?? new Error(`${host} has no address`), []);
      const wrong = names.has(host.toLowerCase()) ? undefined : addresses.find(({ address }) => refused(address));
      if (wrong !== undefined) return done(innerAddress(host, wrong.address), []);
      if (options.all === true) done(null, addresses);
      else done(null, (addresses[0] as LookupAddress).address, (addresses[0] as LookupAddress).family);
    });
  };
  const dispatcher =
    proxy === undefined
      ? new Agent({ connect: { lookup: checkedLookup, timeout: connectTimeoutMs }, connections: 8, pipelining: 1 })
      : new ProxyAgent({ uri: proxy, connections: 8 });

  let closed: Promise<void> | undefined;
  return {
    dispatcher,
    check(url) {
      const host = url.hostname.replace(/^\[|\]$/g, '');
      // A literal address needs no look-up, so the connection would not ask us.
      if (isIP(host) !== 0 && !names.has(host) && refused(host)) throw innerAddress(host, host);
      if (proxy !== undefined && host === 'localhost' && !names.has(host)) throw innerAddress(host, host);
    },
    close() {
      closed ??= dispatcher.destroy();
      return closed;
    },
  };
}

function addAllowed(host: string, names: Set<string>, allowed: BlockList): void {
  const [address, prefix] = host.split('/') as [string, string | undefined];
  if (isIP(address) === 0) names.add(host.toLowerCase());
  else if (prefix === undefined) allowed.addAddress(address, family(address));
  else allowed.addSubnet(address, Number(prefix), family(address));
}

function family(address: string): 'ipv4' | 'ipv6' {
  return isIP(address) === 6 ? 'ipv6' : 'ipv4';
}

function innerAddress(host: string, address: string): ChannelError {
  const at = host === address ? address : `${host} (${address})`;
  return new ChannelError(`${at} is an inner address; name it in notify.allowHosts to allow it`, { retryable: false });
}
