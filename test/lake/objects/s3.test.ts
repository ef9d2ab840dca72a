import assert from 'node:assert/strict'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { isLakeFault, openObjectStore, type LakeFaultCode } from '../../../src/lake/index.ts'
import { ownFolder } from '../../kit/folder.ts'
import type { Owner } from '../../kit/postgres.ts'

const is = (code: LakeFaultCode) => (error: unknown) => isLakeFault(error, code)

/** The few S3 answers that the store relies on, with faults on demand. Real servers judge it elsewhere. */
async function stub(owner: Owner) {
  const objects = new Map<string, Buffer>()
  const asked: { method: string; url: string; ifNoneMatch: string | undefined }[] = []
  const faults: { status: number; after?: boolean }[] = []
  const server = createServer((request, response) => {
    void (async () => {
      const url = new URL(request.url ?? '/', 'http://stub')
      const key = decodeURIComponent(url.pathname)
      asked.push({
        method: request.method ?? '',
        url: request.url ?? '',
        ifNoneMatch: request.headers['if-none-match'] as string,
      })
      const body = await read(request)
      const fault = faults.shift()
      const answer = (status: number, content: Buffer | string = '', headers = {}) => {
        response.writeHead(fault?.status ?? status, { 'content-type': 'application/xml', ...headers })
        response.end(fault ? '' : content)
      }
      if (fault && !fault.after) return answer(500)
      const there = objects.get(key)
      if (request.method === 'PUT') {
        if (there && request.headers['if-none-match'] === '*')
          return answer(412, '<Error><Code>PreconditionFailed</Code></Error>')
        objects.set(key, body)
        return answer(200)
      }
      if (request.method === 'DELETE') return (objects.delete(key), answer(204))
      if (url.searchParams.get('list-type') === '2') {
        const prefix = `${key.replace(/\/$/, '')}/${url.searchParams.get('prefix')}`
        const names = [...objects.keys()].filter((name) => name.startsWith(prefix)).toSorted()
        const from = Number(url.searchParams.get('continuation-token') ?? 0)
        const contents = names
          .slice(from, from + 2)
          .map(
            (name) =>
              `<Contents><Key>${name.split('/').slice(2).join('/')}</Key><Size>${objects.get(name)?.length}</Size></Contents>`,
          )
        const more = from + 2 < names.length ? `<NextContinuationToken>${from + 2}</NextContinuationToken>` : ''
        return answer(200, `<ListBucketResult>${contents.join('')}${more}</ListBucketResult>`)
      }
      if (request.method === 'HEAD') return answer(200)
      if (!there) return answer(404, '<Error><Code>NoSuchKey</Code></Error>')
      const [, start, end] = /bytes=(\d+)-(\d+)/.exec(request.headers.range ?? '') ?? []
      return start === undefined ? answer(200, there) : answer(206, there.subarray(Number(start), Number(end) + 1))
    })()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const root = await ownFolder(owner)
  owner.after(async () => void server.close().closeAllConnections())
  const store = openObjectStore({
    warehouse: 's3://bucket/lake',
    cacheDir: join(root, 'cache'),
    s3: { endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, accessKey: 'k', secretKey: 's' },
  })
  return { store, asked, faults, objects, root }
}

async function read(request: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = []
  for await (const part of request) parts.push(part as Buffer)
  const body = Buffer.concat(parts)
  if (request.headers['content-encoding'] !== 'aws-chunked') return body
  const size = Number(request.headers['x-amz-decoded-content-length'])
  const from = body.indexOf('\r\n') + 2
  return body.subarray(from, from + size)
}

test('objects are put conditionally and path style, read whole and in part, listed page by page, removed', async (t) => {
  const { store, asked, root } = await stub(t)
  await store.put('s3://bucket/lake/a b/ü=1.bin', Buffer.from('body'))
  assert.equal(asked[0]?.ifNoneMatch, '*')
  assert.match(asked[0]?.url ?? '', /^\/bucket\/lake\/a%20b\/%C3%BC%3D1\.bin/)
  assert.equal(Buffer.from(await store.get('s3://bucket/lake/a b/ü=1.bin')).toString(), 'body')
  assert.equal(Buffer.from(await store.get('s3://bucket/lake/a b/ü=1.bin', { start: 1, length: 2 })).toString(), 'od')
  await assert.rejects(store.put('s3://bucket/lake/a b/ü=1.bin', Buffer.from('x')), is('object_exists'))
  await writeFile(join(root, 'local'), 'file')
  await store.putFile('s3://bucket/lake/f', join(root, 'local'))
  for (const name of ['1', '2', '3']) await store.put(`s3://bucket/lake/l/${name}`, Buffer.from(name))
  const listed: string[] = []
  for await (const { location } of store.list('s3://bucket/lake/l/')) listed.push(location)
  assert.deepEqual(listed, ['s3://bucket/lake/l/1', 's3://bucket/lake/l/2', 's3://bucket/lake/l/3'])
  await store.remove('s3://bucket/lake/l/1')
  await store.remove('s3://bucket/lake/l/1')
  await assert.rejects(store.get('s3://bucket/lake/l/1'), is('object_missing'))
  await store.ping(1000)
})

test('a server’s trouble is tried again, and a put whose answer was lost knows itself', async (t) => {
  const { store, faults, objects, asked } = await stub(t)
  faults.push({ status: 503 })
  await store.put('s3://bucket/lake/x', Buffer.from('x'))
  faults.push({ status: 500, after: true }) // it was stored, but the answer says otherwise
  await store.put('s3://bucket/lake/y', Buffer.from('mine'))
  assert.equal(objects.get('/bucket/lake/y')?.toString(), 'mine')
  const before = asked.length
  faults.push(...Array.from({ length: 9 }, () => ({ status: 503 })))
  await assert.rejects(store.put('s3://bucket/lake/z', Buffer.from('z')), is('store_away'))
  assert.equal(asked.length - before, 4, 'the tries are bounded')
})

test('refused credentials are a refusal', async (t) => {
  const { store, faults } = await stub(t)
  faults.push({ status: 403 })
  await assert.rejects(store.get('s3://bucket/lake/x'), is('store_refused'))
})

test('a local copy is fetched once', async (t) => {
  const { store, asked } = await stub(t)
  await store.put('s3://bucket/lake/x.parquet', Buffer.from('x'))
  const path = await store.localCopy('s3://bucket/lake/x.parquet')
  assert.match(path, /\.parquet$/)
  assert.equal(await store.localCopy('s3://bucket/lake/x.parquet'), path)
  assert.equal(asked.filter(({ method }) => method === 'GET').length, 1)
})
