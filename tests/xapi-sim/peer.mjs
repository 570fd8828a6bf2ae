// SPDX-License-Identifier: BSD-2-Clause
// The simulator against a client that knows the real XAPI: log in, list, call, follow a task.
// usage: node peer.mjs FOLDER-OF-PACKAGES PORT TRANSPORT
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

const [packages, port, transport] = process.argv.slice(2)
const { createClient } = await import(pathToFileURL(join(packages, 'node_modules', 'xen-api', 'index.mjs')))
const url = `https://127.0.0.1:${port}`
const client = (password, options) =>
  createClient({ url, auth: { user: 'root', password }, allowUnauthorized: true, transport, ...options })

await assert.rejects(client('wrong', { watchEvents: false }).connect(), { code: 'SESSION_AUTHENTICATION_FAILED' })

const xapi = client('secret')
await xapi.connect()
await xapi.objectsFetched
const of = type => Object.values(xapi.objects.all).filter(o => o.$type === type)
assert.equal(of('host').length, 3)
assert.equal(of('VM').length, 2)
assert.equal(xapi.pool.name_label, 'peer')
const host = name => of('host').find(h => h.name_label === name)
const vm = name => of('VM').find(v => v.name_label === name)

// Records, fields, and int64 in whichever form this transport has.
const [b, small, big] = [host('b'), vm('small'), vm('big')]
assert.equal(await xapi.getField('VM', small.$ref, 'power_state'), 'Running')
assert.equal(Number(await xapi.call('host.compute_free_memory', b.$ref)), 1000000 * 4096)
assert.equal(await xapi.call('VM.get_by_uuid', small.uuid), small.$ref)
const part = JSON.parse(await xapi.call('host.call_plugin', host('a').$ref, 'exclaim', 'snapshot', {}))
assert.equal(part.schema, 'exclaim.snapshot/1')
assert.equal(part.domains.length, 2)

// Errors with XAPI's codes.
await assert.rejects(xapi.call('host.call_plugin', b.$ref, 'none', 'snapshot', {}), { code: 'XENAPI_MISSING_PLUGIN', params: ['none'] })
await assert.rejects(xapi.call('host.call_plugin', host('c').$ref, 'exclaim', 'snapshot', {}), { code: 'XENAPI_MISSING_PLUGIN' })
await assert.rejects(xapi.call('VM.get_record', 'OpaqueRef:none'), { code: 'HANDLE_INVALID', params: ['VM', 'OpaqueRef:none'] })
await assert.rejects(xapi.call('VM.get_no_such_field', small.$ref), { code: 'MESSAGE_METHOD_UNKNOWN' })

// A task, followed by events to its end; what it changed arrives as an event as well.
const task = await xapi.call('Async.VM.pool_migrate', small.$ref, b.$ref, { live: 'true' })
assert.equal(await xapi.watchTask(task), '')
assert.equal((await xapi.getRecord('task', task)).status, 'success')
await xapi.call('task.destroy', task)
await xapi.barrier()
assert.equal(vm('small').resident_on, b.$ref)

// One that fails with numbers, one that is refused, one that is cancelled.
await assert.rejects(xapi.callAsync('VM.pool_migrate', big.$ref, host('c').$ref, {}), e => {
  assert.equal(e.code, 'HOST_NOT_ENOUGH_FREE_MEMORY')
  assert.deepEqual(e.params, [String((600000 + 8192) * 4096), String(500000 * 4096)])
  return true
})
const slow = await xapi.call('Async.VM.pool_migrate', big.$ref, b.$ref, {})
const end = xapi.watchTask(slow)
await xapi.call('task.cancel', slow)
await assert.rejects(end, /canceled/)
await xapi.barrier()
assert.equal(vm('big').resident_on, host('a').$ref)

await xapi.setFieldEntry('host', b.$ref, 'other_config', 'exclaim', 'yes')
assert.equal((await xapi.getField('host', b.$ref, 'other_config')).exclaim, 'yes')
await xapi.disconnect()
console.log(`xen-api over ${transport}: log in, list, call, tasks`)
process.exit(0)
