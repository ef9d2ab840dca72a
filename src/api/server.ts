import swagger from '@fastify/swagger'
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import type { Socket } from 'node:net'
import type { Uploads } from '../batch/index.ts'
import type { Collect } from '../collect/index.ts'
import { OPERATE, type KeyBook } from '../keys/index.ts'
import type { Limiter } from '../limits/index.ts'
import { Problem } from '../problems/index.ts'
import type { Bindings, DatasetPlaces, TenantPlaces } from '../registry/index.ts'
import type { Watermarks } from '../outcomes/index.ts'
import type { Preview } from '../preview/index.ts'
import { announce, type Sampler, type Telemetry } from '../telemetry/index.ts'
import { answerBrokenConnection } from './broken-connection.ts'
import { describeDoor } from './document/door.ts'
import { wholeDocument } from './document/whole.ts'
import { INTRODUCTION } from './document/words.ts'
import { answerOddRequests, requireHost } from './odd-requests.ts'
import { acting, askForKey, isReading, openIdentity } from './identity.ts'
import { countInflight, type Inflight } from './inflight.ts'
import { parseJsonBody } from './json-body.ts'
import { watchLoop } from './loop.ts'
import { keepFailed, placing } from './place-in-trace.ts'
import { PROBLEM_TYPE, asProblem, problemText } from './problem-document.ts'
import type { Dependencies } from '../places/index.ts'
import { announceRefusal } from './refused.ts'
import { addRequestContext, announceFinished, identify, newRequestId } from './request-context.ts'
import { addAuditRoute, addOperatorAuditRoute } from './routes/audit.ts'
import { addBatchRoutes, addUploadRoute } from './routes/batches.ts'
import { addCollectRoute } from './routes/collect.ts'
import { addDatasetRoutes } from './routes/datasets.ts'
import { addKeyRoutes } from './routes/keys.ts'
import { addImpactRoute } from './routes/impact.ts'
import { addInferRoute } from './routes/infer.ts'
import { addEntityRoutes } from './routes/entities.ts'
import { PROBES, addHealthRoutes } from './routes/health.ts'
import { addOutcomeRoutes } from './routes/outcomes.ts'
import { addReferenceRoutes } from './routes/reference.ts'
import { addTenantRoutes } from './routes/tenants.ts'
import { boundBodies } from './slow-bodies.ts'
import { requireTenant, scopeOf } from './tenant-hook.ts'
import { addUnmatched } from './unmatched.ts'
import { addBodyRequirement, compileForRoute } from './validation.ts'
import type { ApiFacts } from './verdicts.ts'

export interface ServerPlaces extends DatasetPlaces, TenantPlaces {
  readonly bindings: Bindings
  readonly collect: Collect
  readonly uploads: Uploads
  readonly preview: Pick<Preview, 'read' | 'facts' | 'sample'>
  readonly readiness: Pick<Dependencies, 'facts'>
  readonly metrics: Telemetry['metrics']
  readonly sampler: Sampler
  /** Who shows which key; undefined: nobody has to. */
  readonly book: KeyBook | undefined
  readonly limiter: Limiter
  readonly limits: {
    readonly maxBodyBytes: number
    readonly bodyTimeoutMs: number
    readonly maxEventBytes: number
    readonly maxDepth: number
    readonly maxEvents: number
  }
  readonly watermarks: Watermarks
}

interface ApiServer {
  readonly app: FastifyInstance
  readonly inflight: Inflight
  /** From now on new requests are answered 503 `draining`, on connections that then close; only probes are answered on. */
  drain(): void
  /** Since `drain` was called, or refused a request last, in ms. */
  quietMs(): number
}

/** A definition is at most 256 KiB; the rest is room for white space. */
const CONTROL_BODY_BYTES = 1024 * 1024
const HEADERS_TIMEOUT_MS = 10_000
const KEEP_ALIVE_MS = 72_000
const SILENCE_MS = 120_000

/** Assembles the HTTP server; nothing listens yet. */
export async function openServer(places: ServerPlaces): Promise<ApiServer> {
  let isDraining = false
  let refusedMs = 0
  const app = fastify({
    // Announcements become log lines; Fastify's own two lines a request cost 18 us of CPU (measured).
    logger: false,
    genReqId: newRequestId,
    requestIdHeader: false,
    bodyLimit: CONTROL_BODY_BYTES,
    return503OnClosing: false,
    forceCloseConnections: 'idle',
    keepAliveTimeout: KEEP_ALIVE_MS,
    // Nothing sent or taken for this long: a client that does not read its answer, or is gone without a word.
    connectionTimeout: SILENCE_MS,
    // Node's bound is one for every request, and a file may take hours: bodies are bounded by route.
    requestTimeout: 0,
    // Node's own answer to a request without Host is no problem document; `requireHost` gives one.
    http: { headersTimeout: HEADERS_TIMEOUT_MS, connectionsCheckingInterval: 1_000, requireHostHeader: false },
    routerOptions: { maxParamLength: 1_000 },
    clientErrorHandler: (error, socket) => answerBrokenConnection(error, socket as Socket),
    frameworkErrors: (error, request, reply) => {
      // No hook runs for a URL that cannot be routed.
      identify(request, reply)
      sendProblem(error, request, reply, places.sampler)
      announceFinished(request, reply)
    },
  })
  app.setValidatorCompiler(compileForRoute)
  // Schemas of answers are documentation: what is sent was built here, and is not filtered again.
  app.setSerializerCompiler(() => (data) => JSON.stringify(data))
  app.removeAllContentTypeParsers()
  app.addContentTypeParser<Buffer>('application/json', { parseAs: 'buffer' }, (request, bytes, done) => {
    try {
      // Clients name the type of a body that they do not send; a route that needs one says so.
      if (bytes.length === 0) return done(null, undefined)
      request.bodyBytes = bytes
      done(null, parseJsonBody(bytes))
    } catch (error) {
      done(error as Error)
    }
  })

  answerOddRequests(app, places.limits.maxBodyBytes)
  addRequestContext(app, () => isDraining)
  app.addHook('onRequest', requireHost)
  boundBodies(app, places.limits.bodyTimeoutMs)
  app.addHook('onRequest', (request, reply, done) => {
    if (!isDraining) return done()
    if (PROBES.has(request.route)) return done()
    refusedMs = performance.now()
    void reply.header('connection', 'close')
    done(
      new Problem('draining', 'This server is stopping: send the request again, another one takes it.', {
        retryAfterSeconds: 1,
      }),
    )
  })
  const inflight = countInflight(app)
  app.setErrorHandler((error, request, reply) => sendProblem(error, request, reply, places.sampler))
  addUnmatched(app)
  addBodyRequirement(app)
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Pulse',
        version: '0.1.0',
        description: INTRODUCTION,
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      },
      servers: [{ url: '/', description: 'The server that this page comes from.' }],
      components: {
        securitySchemes: {
          tenant: {
            type: 'apiKey',
            in: 'header',
            name: 'X-Tenant-ID',
            description: 'The id of the tenant. With keys it may be left out, or must be the key’s own.',
          },
          key: {
            type: 'http',
            scheme: 'bearer',
            bearerFormat: 'pulse_<id>_<secret>',
            description: 'A key of the tenant (POST /v1/keys), or the operator’s. Asked for where PULSE_AUTH is keys.',
          },
        },
      },
    },
    convertConstToEnum: false,
    transformObject: (made) => ('openapiObject' in made ? wholeDocument(made.openapiObject) : made.swaggerObject),
  })

  app.decorateRequest('key', undefined)
  const identity = openIdentity(places.book)
  const loop = watchLoop()
  app.addHook('onClose', async () => loop[Symbol.dispose]())
  const facts = (): ApiFacts => ({
    draining: isDraining,
    sinceTurnMs: loop.sinceTurnMs(),
    dependencies: places.readiness.facts(),
  })
  addHealthRoutes(app, { metrics: places.metrics, facts })
  await app.register(async (open) => {
    open.addHook('onRequest', placing(places.sampler))
    open.addHook('onRequest', identity.operating)
    open.addHook('onRequest', acting)
    describeDoor(open, {}, (method) => (isReading(method) ? ['read', OPERATE] : [OPERATE]))
    addTenantRoutes(open, places)
    describeDoor(open, {}, () => [OPERATE])
    addOperatorAuditRoute(open, places.store)
  })
  await app.register(async (tenants) => {
    describeDoor(tenants, { tenant: [] }, (method, { scope = scopeOf(method, false) } = {}) => [scope].flat())
    addCollectRoute(tenants, { ...places, identity })
    addUploadRoute(tenants, { ...places, identity })
    await tenants.register(async (resolved) => {
      resolved.addHook('onRequest', requireTenant(places.bindings, places.sampler, identity))
      addEntityRoutes(resolved, places.store)
      addDatasetRoutes(resolved, places)
      addBatchRoutes(resolved, places)
      addInferRoute(resolved, places.limits)
      addImpactRoute(resolved, places)
      addOutcomeRoutes(resolved, places)
    })
    await tenants.register(async (resolved) => {
      describeDoor(resolved, { tenant: [] }, (method) => [scopeOf(method, true), OPERATE])
      resolved.addHook('onRequest', requireTenant(places.bindings, places.sampler, identity, true))
      addKeyRoutes(resolved, places)
      addAuditRoute(resolved, places.store)
    })
  })
  addReferenceRoutes(app)
  await app.ready()
  return {
    app,
    inflight,
    drain() {
      isDraining = true
      refusedMs = performance.now()
    },
    quietMs: () => performance.now() - refusedMs,
  }
}

/** Every error leaves here, as a problem document. */
function sendProblem(error: unknown, request: FastifyRequest, reply: FastifyReply, sampler: Sampler): FastifyReply {
  const problem = asProblem(error)
  announceRefusal(request, problem)
  if (problem.status >= 500) keepFailed(request, reply, sampler)
  if (problem.code === 'internal') {
    announce('process.defect', {
      where: `${request.method} ${request.route}`,
      detail: (error as Error).message,
      stack: (error as Error).stack,
      tenant: request.tenant?.slug,
      traceId: request.trace.traceId,
      spanId: request.trace.spanId,
    })
  }
  reply.problemCode = problem.code
  askForKey(reply, problem)
  if (problem.retryAfterSeconds !== undefined || problem.status === 503) {
    void reply.header('retry-after', String(Math.ceil(problem.retryAfterSeconds ?? 1)))
  }
  if (!request.raw.complete && problem.code !== 'draining') closeAfterRest(request, reply)
  const text = problemText(problem, {
    instance: request.url.split('?', 1)[0] as string,
    traceId: request.trace.traceId,
  })
  return reply.code(problem.status).header('content-type', PROBLEM_TYPE).send(text)
}

/** How long the rest of a body that nobody wants may still arrive. */
const LINGER_MS = 2_000

/**
 * An answer that comes before the body was read: closing at once would reset the connection under a
 * client that is still sending, and it would never read why. Node throws the rest away meanwhile.
 */
function closeAfterRest({ raw: request }: FastifyRequest, reply: FastifyReply): void {
  reply.removeHeader('connection')
  reply.raw.once('finish', () => {
    const timer = setTimeout(() => request.socket.destroySoon(), LINGER_MS)
    timer.unref()
    request.once('end', () => clearTimeout(timer))
  })
}
