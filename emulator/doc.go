// Package emulator is Amazon SQS's standard queues in process: the same operations, limits, error codes and timing
// as the service, kept in memory or in one SQLite file, with the AWS JSON protocol in front for any AWS SDK or CLI.
//
// [Open] starts one. [Emulator.SQS] gives an object with the methods of *sqs.Client, so that a program or a test talks
// to it without a socket; [Emulator.Handler] serves the same state over HTTP.
//
// # What is kept, and when
//
// State is served from memory. With [Config.Path] set, each call that changes something returns only after its
// change is committed to the file; calls made at the same time share one commit. That holds for receives too: a
// message is handed out only once its receive count and its visibility deadline are on disk, so a restart neither
// hands out an in-flight message at once nor forgets an attempt. The file is written with SQLite's write-ahead log
// and synchronous=FULL: what was answered survives kill -9 and a power cut.
//
// When a commit fails (the disk is full, say), the calls that wanted it fail with InternalError and memory goes
// back to what the file holds. Reads go on; so does everything else as soon as there is room again.
//
// # Where it differs from the service
//
//   - The older query protocol (form bodies, XML answers) is not served; SDKs of before November 2023 speak only that.
//   - FIFO queues are refused with UnsupportedOperation. Signatures, policies and encryption settings are stored and
//     not enforced. A queue's name can be used again at once after DeleteQueue, where SQS wants 60 seconds.
//   - PurgeQueue and DeleteQueue take effect at once. Counts that SQS calls approximate are exact.
//   - Messages come in the order in which they became visible; MessageGroupId is kept and returned, and changes
//     nothing about the order.
//   - ChangeMessageVisibility on a message that is not in flight is MessageNotInflight, as the API reference has it.
package emulator
