// @supabase/stripe-sync-engine behind Fastify, in its own npm folder: verifies and stores an event.
// CommonJS, because the migrations of its ES module look for `__dirname`, which ES modules lack.
const Fastify = require('fastify')
const { StripeSync, runMigrations } = require('@supabase/stripe-sync-engine')

const [port, databaseUrl, secret] = process.argv.slice(2)

async function main() {
  await runMigrations({ databaseUrl, schema: 'stripe' })
  const sync = new StripeSync({
    schema: 'stripe',
    stripeSecretKey: 'sk_test_bench',
    stripeWebhookSecret: secret,
    backfillRelatedEntities: false,
    autoExpandLists: false,
    poolConfig: { connectionString: databaseUrl, max: 20 },
  })
  const app = Fastify({ logger: false })
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_, body, done) => done(null, body))
  app.post('/webhook', async (request) => {
    await sync.processWebhook(request.body, request.headers['stripe-signature'])
    return { received: true }
  })
  await app.listen({ host: '127.0.0.1', port: Number(port) })
}

process.on('SIGTERM', () => process.exit(0))
main()
