package sqsqueue_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/coretasks/core/sqsqueue"
	"github.com/coretasks/core/tasks"
)

// crash is what a killed worker leaves: all messages of a queue received once more, and visible again after a time.
func (e *env) crash(queue string, after time.Duration) {
	e.Helper()
	for _, m := range e.takeAll(queue) {
		if _, err := e.em.ChangeMessageVisibility(e.Context(), &sqs.ChangeMessageVisibilityInput{
			QueueUrl: e.queueURL(queue), ReceiptHandle: m.ReceiptHandle, VisibilityTimeout: int32(after / time.Second),
		}); err != nil {
			e.Fatal(err)
		}
	}
}

// Messages that came back without a verdict, more often than retries explain, run one by one.
func TestSuspectsRunAlone(t *testing.T) {
	bubble(t, func(e *env) {
		var c tally
		task := taking("task", 4*time.Second, &c)
		r := e.apply(task)
		enqueue(e, task, 10)
		e.crash("default", 0)
		e.work(r, sqsqueue.WorkerConfig{Concurrency: 10})
		time.Sleep(41 * time.Second)
		if c.peak() != 1 || c.runs() != 10 {
			e.Errorf("%d at once and %d runs, want 1 and 10", c.peak(), c.runs())
		}
		enqueue(e, task, 10) // nothing is wrong with these
		time.Sleep(5 * time.Second)
		if c.peak() != 10 || c.runs() != 20 {
			e.Errorf("afterwards %d at once and %d runs, want 10 and 20", c.peak(), c.runs())
		}
	})
}

// What has retries left is no suspect: it may have failed.
func TestRetriesAreNoSuspects(t *testing.T) {
	bubble(t, func(e *env) {
		var c tally
		task := taking("task", 4*time.Second, &c, tasks.MaxRetries(2))
		r := e.apply(task)
		enqueue(e, task, 10)
		e.crash("default", 0)
		e.crash("default", 0)
		e.work(r, sqsqueue.WorkerConfig{Concurrency: 10})
		time.Sleep(5 * time.Second)
		if c.peak() != 10 {
			e.Errorf("%d at once, want 10", c.peak())
		}
	})
}

// Long jobs that a crash has made suspects begin five seconds apart, so that they cost a worker no more than its start.
func TestLongSuspectsOverlap(t *testing.T) {
	bubble(t, func(e *env) {
		var c tally
		task := taking("task", 10*time.Minute, &c)
		r := e.apply(task)
		enqueue(e, task, 10)
		e.crash("default", 0)
		e.work(r, sqsqueue.WorkerConfig{Concurrency: 10})
		time.Sleep(46 * time.Second)
		if c.runs() != 10 {
			e.Errorf("%d have begun, want 10", c.runs())
		}
		time.Sleep(10 * time.Minute)
		e.wantDepth("default", 0, 0)
	})
}

// A suspect waits for others to end, and not for ever. Meanwhile nothing else begins.
func TestSuspectsWaitForOthers(t *testing.T) {
	for name, tc := range map[string]struct{ others, begins time.Duration }{
		"that end soon": {3 * time.Second, 3 * time.Second},
		"that run long": {time.Hour, 5 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(e *env) {
				var c, suspects tally
				other := taking("other", tc.others, &c, tasks.Queue("first"))
				suspect := taking("suspect", 10*time.Second, &suspects, tasks.Queue("second"))
				r := e.apply(other, suspect)
				enqueue(e, suspect, 1)
				e.crash("second", time.Second)
				enqueue(e, other, 2)
				e.work(r, sqsqueue.WorkerConfig{Concurrency: 4})
				time.Sleep(1100 * time.Millisecond)
				enqueue(e, other, 1)
				time.Sleep(tc.begins - 1600*time.Millisecond)
				if suspects.runs() != 0 || c.runs() != 2 {
					e.Errorf("before its time: %d suspects and %d others have begun, want 0 and 2", suspects.runs(), c.runs())
				}
				time.Sleep(time.Second)
				if suspects.runs() != 1 {
					e.Error("it has not begun")
				}
				time.Sleep(10 * time.Second)
				if c.runs() != 3 {
					e.Errorf("%d others have begun, want 3", c.runs())
				}
			})
		})
	}
}
