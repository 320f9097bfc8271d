// Package emulator is Amazon SQS's standard queues and EventBridge Scheduler in process: the same operations, limits,
// error codes and timing as the services, kept in memory or in one SQLite file, with the AWS protocols in front for
// AWS's SDKs and tools since November 2023.
//
// [Open] starts one. [Emulator.SQS] and [Emulator.Scheduler] give objects with the methods of *sqs.Client and
// *scheduler.Client, so that a program or a test talks to them without a socket; [Emulator.Handler] serves the same
// state over HTTP.
//
// # Regions
//
// Each region has its own queues, move tasks and schedules, as on AWS. Over HTTP the region is the one that a request is signed
// for. In process [SQS.In] and [Scheduler.In] say it. Who says none is in [Config.Region].
//
// A queue's URL ends in /account/name in us-east-1 and in /queue/region/account/name elsewhere. A URL without a region is of the
// request's own; the queue of a URL of another region does not exist for it, as it does not for a regional endpoint of SQS.
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
// # Schedules
//
// A schedule fires at the second of its time, into queues of the same emulator: as a templated SQS target or as one of the
// universal targets aws-sdk:sqs:sendMessage and aws-sdk:sqs:sendMessageBatch. What a firing sends and the note that it
// did are one commit, so a crash neither loses nor repeats it, and setting the clock back fires nothing twice. Of the
// firings that came due while no process had the file open, the latest is made up for, if it is no older than the
// schedule's maximum event age; earlier ones are dropped. A failed attempt is repeated after 1, 2, 4 … 512 seconds.
//
// A schedule is refused in the service's words, which do not tell what is wrong with an expression. [Config.Logger] is told.
//
// Without schedules nothing runs in the background; with them, one timer for the next that is due.
//
// # Where it differs from the services
//
//   - The older query protocol (form bodies, XML answers) is not served; SDKs of before November 2023 speak only that. They get an
//     error in XML that says so.
//   - FIFO queues are refused with UnsupportedOperation. Signatures, policies and encryption settings are stored and
//     not enforced. A queue's name can be used again at once after DeleteQueue, where SQS wants 60 seconds,
//     unless [Config.ReserveNames] is set.
//   - PurgeQueue and DeleteQueue take effect at once. Counts that SQS calls approximate are exact.
//   - Messages come in the order in which they were sent, also those that come back. A message that was received three times
//     comes back behind what was sent meanwhile. MessageGroupId is kept and returned, and changes nothing about the order.
//   - SQS accepts a queue as its own dead-letter queue. Here its messages then stay, however often they are received.
//   - Targets of schedules other than those above are refused. Roles and KMS keys are stored and not used.
//   - EventBridge Scheduler fires some time within the minute, this at the second. The place within a flexible window
//     follows from the schedule's name and the instant.
//   - A one-time schedule whose time is past when it is created fires at once, if it is no older than its maximum event
//     age. AWS's guide does not say what the service does.
//   - A StartDate of more than 5 minutes ago is refused, by UpdateSchedule as well; that, too, the guide leaves open.
//   - Disabling a schedule drops what it was still retrying. Its times during the pause do not fire afterwards.
//   - DeleteScheduleGroup takes effect at once. The ClientToken of a deletion is checked and not remembered.
//   - ChangeMessageVisibility with an earlier receipt handle of a message that is in flight again changes nothing. SQS
//     answers with success, too; whether it changes the message is not known.
package emulator
