// Is what answers there well? For images without curl: `node deploy/healthcheck.mjs URL`, exit code 0 or 1.
const url = process.argv[2] ?? 'http://127.0.0.1:8000/health'
try {
  const answer = await fetch(url, { signal: AbortSignal.timeout(2_000), redirect: 'manual' })
  process.stdout.write((await answer.text()).slice(0, 500))
  process.exitCode = answer.ok ? 0 : 1
} catch (error) {
  process.stdout.write(`${url}: ${error.cause?.message ?? error.message}`)
  process.exitCode = 1
}
