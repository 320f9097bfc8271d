// Package tasks defines background tasks as plain typed functions, and decides what becomes of each delivery of a job.
//
// A task is defined once, as a package variable:
//
//	var Generate = tasks.Define("reports.generate", generate,
//		tasks.Queue("default"), tasks.MaxRetries(3), tasks.RetryDelay(10*time.Second), tasks.Timeout(5*time.Minute))
//
// and enqueued from anywhere that has a [Sender], which package sqsqueue provides:
//
//	job, err := Generate.Delay(ctx, queue, Params{UserID: 1}, tasks.Countdown(time.Minute))
//
// A task that runs at the times of a schedule, in cron or as an interval, is made with [Periodic]:
//
//	var Cleanup = tasks.Periodic("sessions.cleanup", cleanup, tasks.Cron("30 3 * * *"), tasks.In("America/Sao_Paulo"))
//
// A [Registry] holds the tasks of one program. An [Executor] turns one delivered message into an [Outcome]; what carries
// messages (an SQS poller, a Lambda handler, a test) only carries the outcome out. Delivery is at least once, so a task
// must tolerate running again: pass IDs, not objects, and let the task look up what is true when it runs.
//
// The package knows nothing of AWS; its limits are those of SQS because every queue is one.
package tasks
