package mainjob

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// duplicates sends messages a second and a third time, as a producer does whose answer was lost, and as SQS itself does now
// and then. With a results store a job that has succeeded or was cancelled has no second effect, and its copies go.
func duplicates(t *testing.T, w *World) {
	w.Env = append(w.Env, "CORE_RESULTS=sqlite://"+filepath.Join(w.Dir, "jobs.db"))
	w.Must(t, "queues", "apply")
	// One after the other, so that copies come while their job waits, while it runs, and after it has ended.
	short, shortBody := w.note(t, `{"text":"short"}`)
	long, longBody := w.note(t, `{"text":"long","millis":3000}`)
	refused, refusedBody := w.note(t, `{"text":"refused","fail":9,"permanent":true}`)
	cancelled, cancelledBody := w.note(t, `{"text":"cancelled"}`)
	w.Must(t, "jobs", "cancel", cancelled)
	w.send(t, shortBody, shortBody, cancelledBody)
	one := w.Start(t, "worker started", "worker", "--queue", "default", "--concurrency", "1", "--shutdown-timeout", "4s")
	Await(t, "the long job runs", func() bool { return w.starts(t, long) == 1 })
	w.send(t, longBody, longBody)
	Await(t, "the queue is empty", func() bool { return w.empty(t) })
	w.send(t, shortBody, longBody, cancelledBody)
	Await(t, "the queue is empty again", func() bool { return w.empty(t) })
	if code, _ := one.Terminate(t); code != 0 {
		t.Errorf("the worker ended with %d", code)
	}
	for name, job := range map[string]struct {
		id     string
		starts int
		state  string
	}{"short": {short, 1, "succeeded"}, "long": {long, 1, "succeeded"}, "refused": {refused, 1, "dead"}, "cancelled": {cancelled, 0, "cancelled"}} {
		if got := w.starts(t, job.id); got != job.starts {
			t.Errorf("the %s job was started %d times, want %d", name, got, job.starts)
		}
		if got := w.Must(t, "jobs", "get", job.id); !strings.Contains(got, job.state) {
			t.Errorf("the %s job is not %s:\n%s", name, job.state, got)
		}
	}

	// A copy of a dead job dies again without running: its first dead letter may never have been sent.
	two := w.Start(t, "worker started", "worker", "--queue", "default", "--concurrency", "2", "--shutdown-timeout", "4s")
	w.send(t, refusedBody)
	Await(t, "the copy of the dead job is dead too", func() bool { return w.dead(t) == 2 && w.empty(t) })
	if got := w.starts(t, refused); got != 1 {
		t.Errorf("the refused job was started %d times, want 1", got)
	}

	// A copy that comes while its job runs, and finds a free slot, waits and is dropped when the job has ended.
	beside, besideBody := w.note(t, `{"text":"beside","millis":2500}`)
	Await(t, "the job runs", func() bool { return w.starts(t, beside) == 1 })
	w.send(t, besideBody)
	Await(t, "the queue is empty once more", func() bool { return w.empty(t) })
	if got := w.Must(t, "jobs", "get", beside); !strings.Contains(got, "succeeded") || w.starts(t, beside) != 1 {
		t.Errorf("started %d times, and is\n%s", w.starts(t, beside), got)
	}
	// Cancelling ends both.
	endless, endlessBody := w.note(t, `{"text":"endless","millis":600000}`)
	Await(t, "the job runs", func() bool { return w.starts(t, endless) == 1 })
	w.send(t, endlessBody)
	w.Must(t, "jobs", "cancel", endless)
	Await(t, "both were cancelled and acknowledged", func() bool { return w.empty(t) })
	w.send(t, endlessBody)
	Await(t, "the last copy is gone", func() bool { return w.empty(t) })
	if got := w.Must(t, "jobs", "get", endless); !strings.Contains(got, "cancelled") || w.starts(t, endless) != 1 {
		t.Errorf("started %d times, and is\n%s", w.starts(t, endless), got)
	}
	if code, _ := two.Terminate(t); code != 0 {
		t.Errorf("the worker ended with %d", code)
	}
}

// starts counts how often a job was started.
func (w *World) starts(t *testing.T, id string) int {
	t.Helper()
	n := 0
	for _, d := range w.diary(t) {
		if d.job == id && d.what == "start" {
			n++
		}
	}
	return n
}

// dead counts the dead letters of the default queue.
func (w *World) dead(t *testing.T) int {
	t.Helper()
	n := 0
	for queue, d := range w.depths(t) {
		if strings.HasSuffix(queue, "default") {
			n += d.Dead
		}
	}
	return n
}

// note enqueues a job, and returns the message that says the same.
func (w *World) note(t *testing.T, params string) (id, body string) {
	t.Helper()
	id = w.Must(t, "enqueue", "note", params)
	return id, fmt.Sprintf(`{"v":1,"id":%q,"task":"note","params":%s,"enqueued_at":%q}`, id, params, time.Now().UTC().Format(time.RFC3339Nano))
}

// send puts messages on the default queue, as any program can.
func (w *World) send(t *testing.T, bodies ...string) {
	t.Helper()
	api, prefix := w.API()
	url := w.queueURL(t, api, prefix+"default")
	for _, body := range bodies {
		if _, err := api.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: url, MessageBody: &body}); err != nil {
			t.Fatal(err)
		}
	}
}
