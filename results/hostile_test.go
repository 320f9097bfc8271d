package results_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coretasks/core/results"
	"github.com/coretasks/core/tasks"
)

// hostile is a store whose every call panics, or answers with an error that does.
type hostile struct {
	results.Store
	err error
}

func (h hostile) do() error {
	if h.err == nil {
		panic("no store")
	}
	return h.err
}

func (h hostile) Enqueue(context.Context, []results.Record) []error { return []error{h.do()} }
func (h hostile) Start(context.Context, results.Start) (results.Record, error) {
	return results.Record{}, h.do()
}
func (h hostile) End(context.Context, results.End) error { return h.do() }
func (h hostile) Progress(context.Context, string, int, float64, string, time.Time) error {
	return h.do()
}
func (h hostile) CancelRequested(context.Context, []string) (map[string]bool, error) {
	return nil, h.do()
}

// nilError panics when it is asked what it says.
type nilError struct{ text string }

func (e *nilError) Error() string { return e.text }

// TestAStoreThatPanicsStopsNoWork, neither where jobs call it nor in the background.
func TestAStoreThatPanicsStopsNoWork(t *testing.T) {
	t.Parallel()
	for name, store := range map[string]hostile{"panics": {}, "a typed nil": {err: (*nilError)(nil)}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var log bytes.Buffer
				logger := slog.New(slog.NewTextHandler(&log, nil))
				recorder := results.NewRecorder(store, results.Config{Logger: logger})
				task := tasks.Define("t", func(ctx context.Context, _ none) (int, error) {
					tasks.Progress(ctx, math.NaN(), "half")
					time.Sleep(time.Minute)
					return 7, nil
				})
				executor, err := tasks.NewExecutor(tasks.NewRegistry(task), tasks.ExecutorConfig{Logger: logger, Recorder: recorder})
				if err != nil {
					t.Fatal(err)
				}
				for range 2 {
					out := executor.Execute(t.Context(), tasks.Delivery{Body: `{"v":1,"id":"j","task":"t","params":{}}`, Attempt: 1})
					if out.Verdict != tasks.Done || out.Result != 7 {
						t.Errorf("outcome %+v", out)
					}
				}
				if err := recorder.Close(t.Context()); !errors.As(err, new(*results.LostError)) {
					t.Errorf("Close: %v, want the jobs whose end was lost", err)
				}
				if !strings.Contains(log.String(), "stack=") {
					t.Errorf("the log does not show where it panics: %s", &log)
				}
			})
		})
	}
}

func TestASenderWithAStoreThatPanics(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	to := results.Track(sender{}, hostile{}, slog.New(slog.NewTextHandler(&log, nil)))
	if errs := to.Send(t.Context(), make([]tasks.Message, 2)); errs != nil {
		t.Errorf("the jobs were sent, and Send says %v", errs)
	}
	if !strings.Contains(log.String(), "jobs were enqueued without a record\" jobs=2") {
		t.Errorf("logged %s", &log)
	}
}

type sender struct{}

func (sender) Send(context.Context, []tasks.Message) []error { return nil }

// TestAResultThatCantBeKept is told by the record, and by whoever asks for the result.
func TestAResultThatCantBeKept(t *testing.T) {
	t.Parallel()
	for name, value := range map[string]any{
		"NaN": math.NaN(), "a channel": make(chan int), "bad text": "a\xff", "a panic": panics{}, "a map in itself": circle(),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, results.Config{}, func(d *desk) {
				task := tasks.Define("t", func(context.Context, none) (any, error) { return value, nil })
				if out := d.deliver(task, 1); out.Verdict != tasks.Done {
					d.Errorf("outcome %+v", out)
				}
				r := d.record()
				if r.State != results.Succeeded || r.Result != nil || !strings.HasPrefix(r.Error, "the result can't be JSON: ") {
					d.Errorf("record %+v", r)
				}
				if _, err := task.Result(d.Context(), d.store, "j"); !errors.As(err, new(*tasks.NoResultError)) || !strings.Contains(err.Error(), r.Error) {
					d.Errorf("Result: %v", err)
				}
			})
		})
	}
}

type panics struct{}

func (panics) MarshalJSON() ([]byte, error) { panic("no words") }

var _ json.Marshaler = panics{}

func circle() any {
	m := map[string]any{}
	m["self"] = m
	return m
}
