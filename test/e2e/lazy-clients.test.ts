import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { shippedProgram } from '../support/program.ts';
import { MailServer } from './support/mail.ts';
import { ServerProcess } from './support/server.ts';
import { paymentOf, unique, useStage } from './support/stage.ts';

const stage = useStage();
const logModules = fileURLToPath(new URL('fixtures/log-modules.mjs', import.meta.url));

test('serve loads stripe and nodemailer with the first call that needs them, and not for tools/list', async () => {
  const mail = await MailServer.start();
  const file = stage.path('modules.txt');
  const { env } = await stage.command({ env: { E2E_MODULES: file, SMTP_URL: mail.url } });
  const server = await ServerProcess.start(['--import', logModules, shippedProgram, 'serve'], env);
  const loaded = async () => {
    const urls = await readFile(file, 'utf8');
    return ['stripe', 'nodemailer'].filter((name) => urls.includes(`/node_modules/${name}/`));
  };
  try {
    const { tools } = await server.client.listTools();
    expect(tools.map(({ name }) => name)).toEqual(expect.arrayContaining(['create_payment', 'send_email']));
    expect(await readFile(file, 'utf8')).toContain('/tools/create-payment.js');
    expect(await loaded()).toEqual([]);
    expect(await server.heard('create_payment', paymentOf(unique('payment')))).toBe('executed');
    expect(await loaded()).toEqual(['stripe']);
    const message = { from: 'a@example.com', to: ['b@example.com'], subject: unique('message'), text: 'Hello' };
    expect(await server.heard('send_email', message)).toBe('executed');
    expect(await loaded()).toEqual(['stripe', 'nodemailer']);
  } finally {
    await server.kill();
    await mail.close();
  }
});
