import fastify, { type FastifyInstance } from 'fastify'

/** The browser holds the page to it: nothing is loaded from, or sent to, anywhere else. */
const FROM_HERE_ALONE = {
  'content-security-policy':
    "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
}

/**
 * `/openapi.json` from the routes' own schemas, and `/docs` to read it with: one page and its script,
 * nothing from outside. The script is 5 MB, so its module is loaded when somebody first looks (115 ms
 * and 35 MB, measured), in a small server of its own that is only ever asked from inside.
 */
export function addReferenceRoutes(app: FastifyInstance): void {
  let pages: Promise<FastifyInstance> | undefined
  let document: string | undefined

  app.get('/openapi.json', { schema: { hide: true } }, (_request, reply) => {
    document ??= JSON.stringify(app.swagger())
    return reply.header('content-type', 'application/json; charset=utf-8').send(document)
  })
  const page = async (url: string): Promise<{ type: string; body: Buffer }> => {
    pages ??= openPages()
    const answer = await (await pages).inject({ method: 'GET', url })
    return { type: String(answer.headers['content-type']), body: answer.rawPayload }
  }
  app.get('/docs', { schema: { hide: true } }, (_request, reply) => reply.redirect('/docs/', 308))
  for (const url of ['/docs/', '/docs/js/scalar.js']) {
    app.get(url, { schema: { hide: true } }, async (_request, reply) => {
      const { type, body } = await page(url)
      return reply.headers({ ...FROM_HERE_ALONE, 'content-type': type }).send(body)
    })
  }
}

async function openPages(): Promise<FastifyInstance> {
  const { default: reference } = await import('@scalar/fastify-api-reference')
  const pages = fastify()
  await pages.register(reference, {
    routePrefix: '/docs',
    configuration: {
      url: '/openapi.json',
      pageTitle: 'Pulse',
      withDefaultFonts: false,
      hideClientButton: true,
      // The viewer's offers to take the document elsewhere: nothing here leaves the machine.
      showDeveloperTools: 'never',
      agent: { disabled: true },
      mcp: { disabled: true },
      telemetry: false,
    },
  })
  return pages
}
