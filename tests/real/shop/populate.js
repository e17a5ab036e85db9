// Fills an empty shop with what every shop needs before it can sell; goods come later through its API.
const { bootstrap } = require('@vendure/core');
const { populate } = require('@vendure/core/cli');
const { config } = require('./config');

const country = (name, code, zone) => ({ name, code, zone });
const base = {
  defaultLanguage: 'en',
  defaultZone: 'Americas',
  taxRates: [{ name: 'Sales tax', percentage: 7.25 }],
  shippingMethods: [{ name: 'Ground', price: 795 }],
  paymentMethods: [
    {
      name: 'Card',
      handler: { code: 'dummy-payment-handler', arguments: [{ name: 'automaticSettle', value: 'false' }] },
    },
  ],
  countries: [country('United States', 'US', 'Americas'), country('Canada', 'CA', 'Americas')],
  collections: [],
  roles: [],
};

populate(() => bootstrap(config), base)
  .then(app => app.close())
  .then(() => process.exit(0))
  .catch(error => {
    console.error(error);
    process.exit(1);
  });
