// A Vendure shop on loopback for the tests. Everything that varies comes from the environment.
const { DefaultLogger, LogLevel, dummyPaymentHandler } = require('@vendure/core');

exports.config = {
  apiOptions: {
    hostname: '127.0.0.1',
    port: Number(process.env.SHOP_PORT),
    adminApiPath: 'admin-api',
    shopApiPath: 'shop-api',
  },
  authOptions: {
    tokenMethod: ['bearer'],
    requireVerification: false,
    superadminCredentials: { identifier: process.env.SHOP_USER, password: process.env.SHOP_PASSWORD },
    cookieOptions: { secret: process.env.SHOP_PASSWORD },
  },
  dbConnectionOptions: {
    type: 'postgres',
    host: '127.0.0.1',
    port: Number(process.env.PGPORT),
    username: 'postgres',
    database: process.env.PGDATABASE,
    schema: 'public',
    synchronize: true,
    logging: false,
  },
  paymentOptions: { paymentMethodHandlers: [dummyPaymentHandler] },
  logger: new DefaultLogger({ level: LogLevel.Warn }),
};
