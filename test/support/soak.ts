/** Whether this is `npm run test:soak`: the long tables and random histories run in full length. */
export const isSoak = process.env.SOAK === '1';
