import { isObject, objectOf } from '../../core/json.ts';
import type { RpcParams } from './message.ts';

const paymentMember = 'x402/payment';
const extensionName = 'payment-identifier';

/**
 * Puts the derived key into the payment of x402 that the client sends with a call, if its extension `payment-identifier` is
 * in use: there the id is the idempotency key (specs/extensions/payment_identifier.md). The signature of the payment does
 * not cover the extensions.
 */
export function withPaymentIdentifier(params: RpcParams, key: string): RpcParams {
  const meta = objectOf(params._meta);
  const payment = objectOf(meta[paymentMember]);
  const extensions = objectOf(payment.extensions);
  const extension = extensions[extensionName];
  if (!isObject(extension)) return params;
  const named = { ...extension, info: { ...objectOf(extension.info), id: key } };
  const paid = { ...payment, extensions: { ...extensions, [extensionName]: named } };
  return { ...params, _meta: { ...meta, [paymentMember]: paid } };
}
