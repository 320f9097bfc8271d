package semantics

import (
	"strings"
	"testing"
	"time"

	"github.com/coretasks/core/internal/semantics/workload"
	"github.com/coretasks/core/sqsqueue"
	"github.com/coretasks/core/tasks"
)

// outcomes are what becomes of a job by what its function returns.
var outcomes = map[string]func(*testing.T, *run){
	"success runs once and leaves nothing": func(t *testing.T, r *run) {
		r.start(t, WorkOptions{})
		want := params{N: 42, Text: "<ä & 日本\uFFFE\x00>"}
		job := delay(t, r, workload.OK, want)
		r.ran(t, 1, patience)
		r.drained(t)
		got := r.diary.begun(t)
		if a := got[0].Attempt; a.Job != job || a.Number != 1 || len(got) != 1 {
			t.Errorf("ran %d times, as %+v; want once as attempt 1 of %+v", len(got), a, job)
		}
		if got[0].N != want.N || got[0].Text != want.Text {
			t.Errorf("got parameters %#v, want %#v", got[0], want)
		}
	},

	"a failure is retried until it succeeds": func(t *testing.T, r *run) {
		r.start(t, WorkOptions{})
		delay(t, r, workload.Flaky, params{})
		r.ran(t, 3, patience)
		r.drained(t)
		runs := r.diary.begun(t)
		for i := 1; i < len(runs); i++ {
			if gap := runs[i].At.Sub(runs[i-1].At); gap < 1900*time.Millisecond { // SQS counts from the request's arrival
				t.Errorf("attempt %d came %v after attempt %d, want 2s", i+1, gap, i)
			}
			if runs[i].Attempt.Number != i+1 || runs[i].Attempt.ID != runs[0].Attempt.ID {
				t.Errorf("run %d was %+v", i+1, runs[i].Attempt)
			}
		}
		if waiting, _, _ := r.counts(t, sqsqueue.DeadLetterQueue(tasks.DefaultQueue)); waiting > 0 {
			t.Error("a job that succeeded has a dead letter")
		}
	},

	"an exhausted job is dead-lettered with its error": func(t *testing.T, r *run) {
		r.start(t, WorkOptions{})
		job := delay(t, r, workload.Broken, params{N: 7})
		letter := r.dead(t, patience, tasks.ReasonExhausted)
		if n := r.diary.count(t); n != 2 {
			t.Errorf("ran %d times, want 1 and a retry", n)
		}
		if got, want := attribute(letter, sqsqueue.AttributeError), "the API is down: \uFFFD broken \uFFFD"; got != want {
			t.Errorf("error %q, want %q", got, want)
		}
		if got := attribute(letter, sqsqueue.AttributeAttempts); got != "2" {
			t.Errorf("attempts %q, want 2", got)
		}
		if got := attribute(letter, sqsqueue.AttributeJobID); got != job.ID {
			t.Errorf("job id %q, want %q", got, job.ID)
		}
		at, err := time.Parse(time.RFC3339, attribute(letter, sqsqueue.AttributeFailedAt))
		if err != nil || at.Before(r.began.Add(-2*time.Second)) || at.After(time.Now().Add(2*time.Second)) {
			t.Errorf("failed at %v (%v), want now", at, err)
		}
		env, err := tasks.DecodeEnvelope([]byte(*letter.Body))
		if err != nil || env.ID != job.ID || !strings.Contains(string(env.Params), `"n":7,"text":""`) {
			t.Errorf("the dead letter's body is %s (%v)", *letter.Body, err)
		}
	},

	"a permanent failure is not retried": func(t *testing.T, r *run) {
		r.start(t, WorkOptions{})
		delay(t, r, workload.Invalid, params{})
		letter := r.dead(t, patience, tasks.ReasonPermanent)
		if n := r.diary.count(t); n != 1 {
			t.Errorf("ran %d times, want once", n)
		}
		if got := attribute(letter, sqsqueue.AttributeError); got != "look up: no such user" {
			t.Errorf("error %q", got)
		}
	},

	"RetryAfter overrides the delay": func(t *testing.T, r *run) {
		r.start(t, WorkOptions{})
		delay(t, r, workload.Limited, params{})
		r.ran(t, 2, patience)
		runs := r.diary.begun(t)
		if gap := runs[1].At.Sub(runs[0].At); gap < 1900*time.Millisecond || gap > 20*time.Second {
			t.Errorf("the retry came after %v, want 2s", gap)
		}
	},

	"a timeout cancels with its cause and counts as a failure": func(t *testing.T, r *run) {
		r.start(t, WorkOptions{})
		delay(t, r, workload.Slow, params{})
		letter := r.dead(t, patience, tasks.ReasonTimeout)
		want := (&tasks.TimeoutError{Task: "slow", Limit: time.Second}).Error()
		if end, _ := r.diary.ended(t); end.Cause != want {
			t.Errorf("cause %q, want %q", end.Cause, want)
		}
		if got := attribute(letter, sqsqueue.AttributeError); !strings.Contains(got, want) {
			t.Errorf("error %q does not name the task and its timeout", got)
		}
	},

	"a panic is a failure": func(t *testing.T, r *run) {
		r.start(t, WorkOptions{})
		delay(t, r, workload.Panics, params{})
		letter := r.dead(t, patience, tasks.ReasonPanic)
		if got := attribute(letter, sqsqueue.AttributeError); got != "panic: runtime error: index out of range [0] with length 0" {
			t.Errorf("error %q", got)
		}
	},

	"middleware surrounds each attempt": func(t *testing.T, r *run) {
		r.start(t, WorkOptions{})
		// It panics in the middleware of its first attempt, and needs what that gives it on the second.
		delay(t, r, workload.Wrapped, params{})
		r.ran(t, 1, patience)
		r.drained(t)
		if got := r.diary.begun(t); len(got) != 1 || got[0].Attempt.Number != 2 {
			t.Errorf("the function ran as %+v, want once, as attempt 2", got)
		}
	},
}
