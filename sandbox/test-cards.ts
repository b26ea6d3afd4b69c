/** The behaviour of a test payment method (https://docs.stripe.com/testing). */
export interface TestCard {
  readonly brand: string;
  readonly last4: string;
  readonly decline: { code: string; declineCode: string | null; message: string } | null;
}

/** Returns the test card of a payment method such as `pm_card_visa`, or undefined if it is not known. */
export function testCard(name: string): TestCard | undefined {
  const rest = /^pm_card_(\w+)$/.exec(name)?.[1];
  if (rest === undefined) return undefined;
  const good = Object.hasOwn(brands, rest) ? brands[rest] : undefined;
  if (good !== undefined) return { ...good, decline: null };
  const reason = /^(?:visa_)?chargeDeclined(\w*)$/.exec(rest)?.[1];
  if (reason === undefined || !Object.hasOwn(declines, reason)) return undefined;
  const found = declines[reason];
  return found === undefined ? undefined : { brand: 'visa', last4: found.last4, decline: found.decline };
}

const brands: Readonly<Record<string, { brand: string; last4: string }>> = {
  us: { brand: 'visa', last4: '4242' },
  visa: { brand: 'visa', last4: '4242' },
  visa_debit: { brand: 'visa', last4: '5556' },
  mastercard: { brand: 'mastercard', last4: '4444' },
  mastercard_debit: { brand: 'mastercard', last4: '8210' },
  amex: { brand: 'amex', last4: '8431' },
  discover: { brand: 'discover', last4: '9424' },
  diners: { brand: 'diners', last4: '3222' },
  jcb: { brand: 'jcb', last4: '0505' },
  unionpay: { brand: 'unionpay', last4: '0005' },
};

const declines: Readonly<Record<string, { last4: string; decline: NonNullable<TestCard['decline']> }>> = {
  '': generic('0002', 'generic_decline'),
  InsufficientFunds: {
    last4: '9995',
    decline: { code: 'card_declined', declineCode: 'insufficient_funds', message: 'Your card has insufficient funds.' },
  },
  LostCard: generic('9987', 'lost_card'),
  StolenCard: generic('9979', 'stolen_card'),
  VelocityLimitExceeded: generic('6975', 'card_velocity_exceeded'),
  ExpiredCard: {
    last4: '0069',
    decline: { code: 'expired_card', declineCode: 'expired_card', message: 'Your card has expired.' },
  },
  IncorrectCvc: {
    last4: '0127',
    decline: {
      code: 'incorrect_cvc',
      declineCode: 'incorrect_cvc',
      message: "Your card's security code is incorrect.",
    },
  },
  ProcessingError: {
    last4: '0119',
    decline: {
      code: 'processing_error',
      declineCode: 'processing_error',
      message: 'An error occurred while processing your card. Try again in a little bit.',
    },
  },
};

function generic(last4: string, declineCode: string) {
  return { last4, decline: { code: 'card_declined', declineCode, message: 'Your card was declined.' } };
}
