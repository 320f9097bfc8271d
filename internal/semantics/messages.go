package semantics

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/coretasks/core/internal/semantics/workload"
	"github.com/coretasks/core/sqsqueue"
	"github.com/coretasks/core/tasks"
)

// messages are about what comes from other programs, and what goes in bulk.
var messages = map[string]func(*testing.T, *run){
	"a malformed body is dead-lettered at once, as it came": func(t *testing.T, r *run) {
		r.start(t, WorkOptions{})
		const body = `{"v":1,"task":"ok","params":{}}`
		r.raw(t, body, map[string]types.MessageAttributeValue{
			"tenant": {DataType: aws.String("String"), StringValue: aws.String("acme")},
		})
		letter := r.dead(t, patience, tasks.ReasonMalformed)
		if *letter.Body != body || attribute(letter, "tenant") != "acme" {
			t.Errorf("the dead letter is %s with %v, want it as it came", *letter.Body, letter.MessageAttributes)
		}
		if got := attribute(letter, sqsqueue.AttributeError); got != `malformed message: field "id" is missing` {
			t.Errorf("error %q", got)
		}
		// The worker goes on.
		delay(t, r, workload.OK, params{})
		r.ran(t, 1, patience)
	},

	"parameters of the wrong type are malformed": func(t *testing.T, r *run) {
		r.start(t, WorkOptions{})
		r.raw(t, `{"v":1,"id":"j1","task":"ok","params":{"n":"seven"}}`, nil)
		letter := r.dead(t, patience, tasks.ReasonMalformed)
		if got, want := attribute(letter, sqsqueue.AttributeError), `parameters of task "ok": field "n": must be a whole number, not a JSON string`; got != want {
			t.Errorf("error %q, want %q", got, want)
		}
	},

	"a body of another program that fills the limit is kept": func(t *testing.T, r *run) {
		r.start(t, WorkOptions{})
		body := strings.Repeat("x", 1<<20)
		r.raw(t, body, nil)
		letter := r.dead(t, patience, "") // there is no room for the reason
		if *letter.Body != body {
			t.Errorf("the dead letter has %d bytes, want the %d that came", len(*letter.Body), len(body))
		}
	},

	"an unknown task is put back, and dead-lettered in the end": func(t *testing.T, r *run) {
		r.start(t, WorkOptions{})
		unknown := tasks.Define("new.task", func(ctx context.Context, p params) (int, error) { return 0, nil })
		delay(t, r, unknown, params{})
		r.await(t, "the message was put back with a delay", patience, func() bool {
			waiting, inFlight, _ := r.counts(t, tasks.DefaultQueue)
			return waiting == 0 && inFlight == 1
		})
		if !r.backend.FakeTime {
			return // the rest takes eight minutes
		}
		letter := r.dead(t, time.Hour, tasks.ReasonUnknownTask)
		if got, want := attribute(letter, sqsqueue.AttributeError), `unknown task "new.task": this program has `+workload.Known(); got != want {
			t.Errorf("error %q, want %q", got, want)
		}
		if took := time.Since(r.began); took < 7*time.Minute {
			t.Errorf("given up after %v; a deploy may take some minutes", took)
		}
	},

	"in bulk each item has its own fate": func(t *testing.T, r *run) {
		r.start(t, WorkOptions{Concurrency: 8})
		items := make([]params, 57)
		for i := range items {
			items[i] = params{Diary: r.diary.path, N: i}
		}
		items[3].Price = math.NaN()
		items[20].Text = strings.Repeat("x", 1<<20)
		items[21].Text = strings.Repeat("y", 600<<10) // two of these do not fit into one batch
		items[22].Text = strings.Repeat("z", 600<<10)
		jobs, err := workload.OK.DelayMany(r.ctx, r.Client, items)
		var bulk *tasks.BulkError
		if !errors.As(err, &bulk) || len(bulk.Items) != 2 || bulk.Total != len(items) {
			t.Fatalf("DelayMany: %v; want exactly two items to fail", err)
		}
		if bulk.Items[0].Index != 3 || bulk.Items[1].Index != 20 {
			t.Errorf("items %d and %d failed, want 3 and 20", bulk.Items[0].Index, bulk.Items[1].Index)
		}
		if tooLarge := (*sqsqueue.TooLargeError)(nil); !errors.As(bulk.Items[1].Err, &tooLarge) {
			t.Errorf("item 20: %v, want a TooLargeError", bulk.Items[1].Err)
		}
		r.await(t, "all good items ran", patience, func() bool {
			ran := map[int]bool{}
			for _, e := range r.diary.begun(t) {
				ran[e.N] = true
			}
			return len(ran) == len(items)-2
		})
		r.drained(t)
		ids := map[string]bool{}
		for i, job := range jobs {
			if i != 3 {
				ids[job.ID] = true
			}
		}
		if len(ids) != len(items)-1 {
			t.Errorf("%d distinct ids for %d jobs", len(ids), len(items)-1)
		}
	},
}
