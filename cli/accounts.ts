import { readFileSync } from 'node:fs';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { generatePassword } from '../gateway/accounts/secrets.ts';
import { type Accounts, openAccounts, ROLES, type Role } from '../gateway/accounts.ts';

interface Where {
  readonly config?: string;
  readonly data?: string;
}

const configOption = () => new Option('--config <file>', 'gateway.yaml, which names the data folder');
const dataOption = () =>
  new Option('--data <folder>', 'the data folder itself (default: HANFENG_DATA_DIR, then ./data)');
const passwordOption = () =>
  new Option(
    '--password-file <file>',
    'take the password from this file, - for standard input (default: generate one)',
  );

async function open({ config, data }: Where): Promise<Accounts> {
  return openAccounts(data ?? (await folderOf(config)), Date.now);
}

async function folderOf(config: string | undefined): Promise<string> {
  if (config === undefined) return process.env.HANFENG_DATA_DIR ?? './data';
  const { loadGatewayConfig } = await import('../gateway/config.ts');
  return loadGatewayConfig(config, process.env).dataDir;
}

function passwordFrom(file: string | undefined): string | undefined {
  if (file === undefined) return undefined;
  return readFileSync(file === '-' ? 0 : file, 'utf8').replace(/\r?\n$/, '');
}

const parseRole = (text: string): Role => {
  if ((ROLES as readonly string[]).includes(text)) return text as Role;
  throw new InvalidArgumentError(`allowed: ${ROLES.join(', ')}`);
};

const print = (line: string) => void process.stdout.write(`${line}\n`);

/** `hanfeng user …`, `hanfeng device …` and `hanfeng token …`; they work beside a running gateway, which reads the files again. */
export function defineAccountCommands(hanfeng: Command): void {
  const user = hanfeng.command('user').description('accounts of people');
  user
    .command('add <name>')
    .description('add an account; prints the generated password unless one is given')
    .option('--role <role>', ROLES.join(' | '), parseRole, 'operator' as Role)
    .addOption(passwordOption())
    .addOption(configOption())
    .addOption(dataOption())
    .action(async (name: string, options: Where & { role: Role; passwordFile?: string }) => {
      const accounts = await open(options);
      const given = passwordFrom(options.passwordFile);
      const password = given ?? generatePassword();
      await accounts.addUser({ name, role: options.role, password });
      print(
        given === undefined
          ? `${name} (${options.role}) added. Password: ${password}`
          : `${name} (${options.role}) added.`,
      );
    });
  user
    .command('passwd <name>')
    .description('set a new password; prints the generated one unless one is given')
    .addOption(passwordOption())
    .addOption(configOption())
    .addOption(dataOption())
    .action(async (name: string, options: Where & { passwordFile?: string }) => {
      const accounts = await open(options);
      const given = passwordFrom(options.passwordFile);
      const password = given ?? generatePassword();
      await accounts.setPassword(name, password);
      print(given === undefined ? `New password of ${name}: ${password}` : `Password of ${name} changed.`);
    });
  user
    .command('remove <name>')
    .description('remove an account')
    .addOption(configOption())
    .addOption(dataOption())
    .action(async (name: string, options: Where) => {
      await (await open(options)).removeUser(name);
      print(`${name} removed.`);
    });
  user
    .command('list')
    .description('list accounts')
    .addOption(configOption())
    .addOption(dataOption())
    .action(async (options: Where) => {
      for (const { name, role } of await (await open(options)).listUsers()) print(`${name}\t${role}`);
    });

  const device = hanfeng.command('device').description('MQTT credentials of field devices and edges');
  device
    .command('add <id>')
    .description('give a device (or, with --edge, an edge agent) its MQTT password; user name = id')
    .option('--edge', 'an edge agent, not a field device', false)
    .addOption(passwordOption())
    .addOption(configOption())
    .addOption(dataOption())
    .action(async (id: string, options: Where & { edge: boolean; passwordFile?: string }) => {
      const accounts = await open(options);
      const given = passwordFrom(options.passwordFile);
      const { secret } = await accounts.addCredential(options.edge ? 'edge' : 'device', id, given);
      print(given === undefined ? `${id} added. MQTT user name: ${id}, password: ${secret}` : `${id} added.`);
    });
  device
    .command('remove <id>')
    .description('take the MQTT password away; a live connection is cut')
    .addOption(configOption())
    .addOption(dataOption())
    .action(async (id: string, options: Where) => {
      const removed = await (await open(options)).removeCredential(id);
      if (!removed) throw Object.assign(new Error(`${id} has no MQTT password`), { code: 'device-unknown' });
      print(`${id} removed.`);
    });
  device
    .command('list')
    .description('list who may connect')
    .addOption(configOption())
    .addOption(dataOption())
    .action(async (options: Where) => {
      for (const { id, kind } of await (await open(options)).listCredentials()) print(`${id}\t${kind}`);
    });

  const token = hanfeng.command('token').description('API tokens for programs (Authorization: Bearer …)');
  token
    .command('add <name>')
    .description('make a token; it is printed once')
    .option('--role <role>', ROLES.join(' | '), parseRole, 'viewer' as Role)
    .addOption(configOption())
    .addOption(dataOption())
    .action(async (name: string, options: Where & { role: Role }) => {
      const made = await (await open(options)).addToken({ name, role: options.role });
      print(`${made.id}\t${made.token}`);
    });
  token
    .command('remove <id>')
    .description('revoke a token')
    .addOption(configOption())
    .addOption(dataOption())
    .action(async (id: string, options: Where) => {
      if (!(await (await open(options)).removeToken(id)))
        throw Object.assign(new Error(`no token ${id}`), { code: 'token-unknown' });
      print(`${id} removed.`);
    });
  token
    .command('list')
    .description('list tokens, without their secrets')
    .addOption(configOption())
    .addOption(dataOption())
    .action(async (options: Where) => {
      for (const { id, name, role } of await (await open(options)).listTokens()) print(`${id}\t${name}\t${role}`);
    });
}
