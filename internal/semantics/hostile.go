package semantics

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/coretasks/core/internal/semantics/workload"
	"github.com/coretasks/core/sqsqueue"
	"github.com/coretasks/core/tasks"
)

// hostile is about code of a task's author that panics outside its function. The process goes on, and the other jobs
// of the same batch with it.
var hostile = map[string]func(*testing.T, *run){
	"an error that is a nil pointer is a failed attempt": func(t *testing.T, r *run) {
		r.beside(t, func() { delay(t, r, workload.TypedNil, params{}) })
		text := attribute(r.dead(t, patience, tasks.ReasonPanic), sqsqueue.AttributeError)
		if !strings.HasPrefix(text, "panic: runtime error: invalid memory address or nil pointer dereference") {
			t.Errorf("error %q", text)
		}
		r.wantRuns(t, workload.TypedNil.Name(), 2)
	},

	"an error that panics is a failed attempt": func(t *testing.T, r *run) {
		r.beside(t, func() { delay(t, r, workload.Hostile, params{}) })
		text := attribute(r.dead(t, patience, tasks.ReasonPanic), sqsqueue.AttributeError)
		if !strings.HasPrefix(text, "panic: nothing is wrapped (in the code of the error that the task returned") {
			t.Errorf("error %q", text)
		}
		r.wantRuns(t, workload.Hostile.Name(), 2)
	},

	"parameters that panic when they are read are malformed": func(t *testing.T, r *run) {
		const body = `{"v":1,"id":"j1","task":"dated","params":{"diary":"x","due":5}}`
		r.beside(t, func() { r.raw(t, body, nil) })
		letter := r.dead(t, patience, tasks.ReasonMalformed)
		if got, want := attribute(letter, sqsqueue.AttributeError), `parameters of task "dated": field "due": must be what workload.Date reads, whose code panics`; got != want {
			t.Errorf("error %q, want %q", got, want)
		}
		if *letter.Body != body || attribute(letter, sqsqueue.AttributeJobID) != "j1" {
			t.Errorf("the dead letter is %s of job %q", *letter.Body, attribute(letter, sqsqueue.AttributeJobID))
		}
	},

	"a result that panics when it is written leaves the job done": func(t *testing.T, r *run) {
		r.beside(t, func() { delay(t, r, workload.Unwritable, params{}) })
		r.drained(t)
		r.wantRuns(t, workload.Unwritable.Name(), 1)
	},

	"a recorder that panics stops no job": func(t *testing.T, r *run) {
		r.beside(t, func() { delay(t, r, workload.Unrecorded, params{}) })
		r.drained(t)
		r.wantRuns(t, workload.Unrecorded.Name(), 1)
	},

	"joined errors are permanent only all together": func(t *testing.T, r *run) {
		r.beside(t, func() { delay(t, r, workload.Joined, params{}) })
		r.dead(t, patience, tasks.ReasonExhausted)
		r.wantRuns(t, workload.Joined.Name(), 2)
	},

	"what would be read as something else is malformed": func(t *testing.T, r *run) {
		r.start(t, WorkOptions{})
		const envelope = `{"v":1,"id":"j1","task":"ok","params":`
		bodies := map[string]string{
			envelope + `{"n":null}}`:                                  `field "n": must be a whole number, not a JSON null`,
			envelope + `{"n":1,"N":2}}`:                               `field "n": is given twice (letter case does not tell members apart)`,
			envelope + `{"n":9223372036854775808}}`:                   `field "n": is out of range: it must be a whole number from -9223372036854775808 to 9223372036854775807`,
			envelope + `{"pair":[1,2,3]}}`:                            `field "pair": must have exactly 2 elements, not 3`,
			envelope + `{"pair":[1]}}`:                                `field "pair": must have exactly 2 elements, not 1`,
			envelope + `null}`:                                        `must be an object, not a JSON null`,
			`{"v":1,"id":"j1","task":"ok","enqueued_at":1732700000}`:  `malformed message: field "enqueued_at" must be a time as RFC 3339 has it`,
			`{"v":1,"id":"j1","id":"j2","task":"ok","params":{}}`:     `malformed message: field "id" is given twice`,
			"\uFEFF" + `{"v":1,"id":"j1","task":"ok","params":{}}`:    `it begins with a byte order mark`,
			`{"v":1,"id":"j1","task":"ok","params":{},"trace":["x"]}`: `field "trace" must be an object, not a JSON array`,
		}
		for body := range bodies {
			r.raw(t, body, nil)
		}
		for _, letter := range r.letters(t, len(bodies), patience) {
			text := attribute(letter, sqsqueue.AttributeError)
			if !strings.Contains(text, bodies[*letter.Body]) || attribute(letter, sqsqueue.AttributeReason) != string(tasks.ReasonMalformed) {
				t.Errorf("%s: error %q, want %q", *letter.Body, text, bodies[*letter.Body])
			}
		}
		if n := r.diary.count(t); n > 0 {
			t.Errorf("%d of them ran", n)
		}
	},

	"members that the parameters do not have are left alone": func(t *testing.T, r *run) {
		r.start(t, WorkOptions{})
		path, err := json.Marshal(r.diary.path)
		if err != nil {
			t.Fatal(err)
		}
		r.raw(t, `{"v":1,"id":"j1","task":"ok","params":{"diary":`+string(path)+
			`,"N":7,"later":[{"a":1,"a":null}]},"later":null,"trace":null,"not_before":null}`, nil)
		r.ran(t, 1, patience)
		if got := r.diary.begun(t)[0]; got.N != 7 || got.Attempt.ID != "j1" {
			t.Errorf("it ran with %+v", got)
		}
		r.drained(t)
	},
}

// beside works a job that send sends between two harmless ones, which must run once each.
func (r *run) beside(t *testing.T, send func()) {
	t.Helper()
	r.start(t, WorkOptions{Concurrency: 3})
	delay(t, r, workload.OK, params{N: 1})
	send()
	delay(t, r, workload.OK, params{N: 2})
	r.await(t, "its neighbours ran", patience, func() bool { return r.runs(t, workload.OK.Name()) == 2 })
	t.Cleanup(func() {
		if n := r.runs(t, workload.OK.Name()); n != 2 {
			t.Errorf("its neighbours ran %d times, want once each", n)
		}
	})
}

// runs counts those of a task.
func (r *run) runs(t *testing.T, task string) int {
	t.Helper()
	return len(slices.DeleteFunc(r.diary.begun(t), func(e workload.Entry) bool { return e.Attempt.Task != task }))
}

func (r *run) wantRuns(t *testing.T, task string, want int) {
	t.Helper()
	if n := r.runs(t, task); n != want {
		t.Errorf("it ran %d times, want %d", n, want)
	}
}
