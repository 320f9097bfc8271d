package tasks_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/coretasks/core/tasks"
)

// ways are those in which code of a task's author ends other than by returning.
var ways = map[string]func(){
	"panic":     func() { panic("boom") },
	"nil":       func() { panic(nil) },
	"error":     func() { panic(errors.New("boom")) },
	"hostile":   func() { panic(&hostileError{does: func() { panic("again") }}) },
	"typed nil": func() { panic((*hostileError)(nil)) },
	"nil deref": func() { var p *struct{ N int }; p.N++ },
	"bounds":    func() { var s []int; _ = s[len(s)] },
	"goexit":    runtime.Goexit,
}

// hostileError does something in each of its methods.
type hostileError struct {
	does    func()
	only    string // the method that does it; "" is all of them
	wrapped error
}

func (e *hostileError) do(method string) {
	if e.only == "" || e.only == method {
		e.does()
	}
}

func (e *hostileError) Error() string    { e.do("Error"); return "hostile" }
func (e *hostileError) Unwrap() error    { e.do("Unwrap"); return e.wrapped }
func (e *hostileError) Is(error) bool    { e.do("Is"); return false }
func (e *hostileError) As(any) bool      { e.do("As"); return false }
func (e *hostileError) String() string   { e.do("String"); return "" }
func (e *hostileError) GoString() string { e.do("GoString"); return "" }

// joined has several errors, and does something when it is asked for them.
type joined struct {
	does func()
	errs []error
}

func (e *joined) Error() string   { return "joined" }
func (e *joined) Unwrap() []error { e.does(); return e.errs }

// hostileValue is parameters or a result that does something when it is written or read.
type hostileValue struct {
	Do   string
	read bool
}

func (v hostileValue) MarshalJSON() ([]byte, error) {
	if v.read && v.Do != "" { // only what was read by a worker: see Delay for the others
		ways[v.Do]()
	}
	return json.Marshal(v.Do)
}

func (v *hostileValue) UnmarshalJSON(b []byte) error {
	if err := json.Unmarshal(b, &v.Do); err != nil {
		return err
	}
	v.read = true
	if way, ok := strings.CutPrefix(v.Do, "read "); ok {
		ways[way]()
	}
	return nil
}

// hostileRecorder does something at each of its calls.
type hostileRecorder struct{ does func() }

func (r hostileRecorder) Start(context.Context, tasks.Attempt, context.CancelCauseFunc) (int, error) {
	r.does()
	return 0, nil
}
func (r hostileRecorder) Progress(tasks.Attempt, float64, string) { r.does() }
func (r hostileRecorder) End(context.Context, tasks.Outcome)      { r.does() }

// hostileHandler does something whenever it is asked.
type hostileHandler struct{ does func() }

func (h hostileHandler) Enabled(context.Context, slog.Level) bool  { h.does(); return true }
func (h hostileHandler) Handle(context.Context, slog.Record) error { h.does(); return nil }
func (h hostileHandler) WithAttrs([]slog.Attr) slog.Handler        { h.does(); return h }
func (h hostileHandler) WithGroup(string) slog.Handler             { h.does(); return h }

type keeper struct{ ends []tasks.Outcome }

func (k *keeper) Start(context.Context, tasks.Attempt, context.CancelCauseFunc) (int, error) {
	return 1, nil
}
func (k *keeper) Progress(tasks.Attempt, float64, string) {}
func (k *keeper) End(_ context.Context, o tasks.Outcome)  { k.ends = append(k.ends, o) }

// run executes one job of a function.
func runOnce[P, R any](t *testing.T, recorder tasks.Recorder, logger *slog.Logger, params string, fn func(context.Context, P) (R, error), use ...tasks.Middleware) tasks.Outcome {
	t.Helper()
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	r := tasks.NewRegistry(tasks.Define("t", fn, tasks.MaxRetries(1))).Use(use...)
	e, err := tasks.NewExecutor(r, tasks.ExecutorConfig{Logger: logger, Recorder: recorder})
	if err != nil {
		t.Fatal(err)
	}
	body, err := tasks.Envelope{ID: "j", Task: "t", Params: json.RawMessage(params)}.Encode()
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan tasks.Outcome, 1)
	go func() { // so that a goroutine that ends is seen
		defer close(ended)
		ended <- e.Execute(t.Context(), tasks.Delivery{Body: string(body), Queue: "q", Attempt: 1})
	}()
	out, returned := <-ended
	if !returned {
		t.Fatal("the goroutine that called Execute has ended")
	}
	return out
}

func TestNoErrorEndsTheExecutor(t *testing.T) {
	t.Parallel()
	for way, does := range ways {
		for _, method := range []string{"", "Error", "Unwrap", "As"} {
			err := &hostileError{does: does, only: method}
			for place, returned := range map[string]error{
				"itself": err, "wrapped": fmt.Errorf("w: %w", &carrier{err}), "joined": &joined{func() {}, []error{errors.New("x"), err}},
				"in Permanent": tasks.Errorf("again: %w", &carrier{tasks.Permanent(err)}),
			} {
				out := runOnce(t, nil, nil, "{}", func(context.Context, struct{}) (int, error) { return 0, returned })
				wantReason := tasks.ReasonPanic
				if place == "wrapped" && method == "Error" || place == "joined" && method == "Error" || place == "in Permanent" && method == "Error" {
					wantReason = tasks.ReasonExhausted // nobody asks for the text of what is wrapped
				}
				if out.Verdict != tasks.Retry || out.Reason != wantReason || out.ErrorText() == "" {
					t.Errorf("%s in %q of an error, %s: %v %v %q", way, method, place, out.Verdict, out.Reason, out.ErrorText())
				}
			}
		}
		if out := runOnce(t, nil, nil, "{}", func(context.Context, struct{}) (int, error) { return 0, &joined{does: does} }); out.Reason != tasks.ReasonPanic {
			t.Errorf("%s in Unwrap of joined errors: %v", way, out)
		}
		if out := runOnce(t, nil, nil, "{}", func(context.Context, struct{}) (int, error) { does(); return 0, nil }); out.Reason != tasks.ReasonPanic || out.ErrorText() == "" {
			t.Errorf("%s in the function: %+v", way, out)
		}
	}
	var typedNil *hostileError
	out := runOnce(t, nil, nil, "{}", func(context.Context, struct{}) (int, error) { return 0, typedNil })
	if out.Reason != tasks.ReasonPanic || !strings.Contains(out.ErrorText(), "nil pointer dereference (in the code of the error that the task returned, a *tasks_test.hostileError)") {
		t.Errorf("a typed nil error: %v %q", out.Reason, out.ErrorText())
	}
	if _, ok := errors.AsType[*tasks.PanicError](out.Err); !ok {
		t.Errorf("a typed nil error is a %T", out.Err)
	}
}

// carrier wraps an error without asking for its text.
type carrier struct{ err error }

func (c *carrier) Error() string { return "carrier" }
func (c *carrier) Unwrap() error { return c.err }

// selfish wraps itself.
type selfish struct{}

func (e *selfish) Error() string { return "selfish" }
func (e *selfish) Unwrap() error { return e }

// endless has two of itself each time.
type endless struct{}

func (e *endless) Error() string   { return strings.Repeat("endless ", 1<<12) }
func (e *endless) Unwrap() []error { return []error{e, e} }

func TestErrorsWithoutEnd(t *testing.T) {
	t.Parallel()
	out := runOnce(t, nil, nil, "{}", func(context.Context, struct{}) (int, error) { return 0, &selfish{} })
	if out.Verdict != tasks.Retry || out.ErrorText() != "selfish" {
		t.Errorf("%v %q", out.Verdict, out.ErrorText())
	}
	out = runOnce(t, nil, nil, "{}", func(context.Context, struct{}) (int, error) { return 0, &endless{} })
	if text := out.ErrorText(); out.Verdict != tasks.Retry || len(text) > 8<<10 || !strings.HasSuffix(text, "…") {
		t.Errorf("%v %d bytes", out.Verdict, len(text))
	}
	out = runOnce(t, nil, nil, "{}", func(context.Context, struct{}) (int, error) { return 0, errors.New("a\xffb") })
	if out.ErrorText() != "a\uFFFDb" {
		t.Errorf("an error that is not UTF-8 is %q", out.ErrorText())
	}
	circle := map[string]any{}
	circle["self"] = circle
	out = runOnce(t, nil, nil, "{}", func(context.Context, struct{}) (int, error) { panic(circle) })
	if out.ErrorText() != "panic: a value of type map[string]interface {}" {
		t.Errorf("a panic with a map in itself is %q", out.ErrorText())
	}
}

func TestNoParametersEndTheExecutor(t *testing.T) {
	t.Parallel()
	for way := range ways {
		var logged strings.Builder
		logger := slog.New(slog.NewTextHandler(&logged, nil))
		out := runOnce(t, nil, logger, fmt.Sprintf(`{"V":"read %s"}`, way), func(context.Context, struct{ V hostileValue }) (int, error) {
			t.Errorf("%s: the function was called", way)
			return 0, nil
		})
		if out.Verdict != tasks.Dead || out.Reason != tasks.ReasonMalformed ||
			out.ErrorText() != `parameters of task "t": field "V": must be what tasks_test.hostileValue reads, whose code panics` {
			t.Errorf("%s in UnmarshalJSON: %v %v %q", way, out.Verdict, out.Reason, out.ErrorText())
		}
		if way != "goexit" && !strings.Contains(logged.String(), "stack=") {
			t.Errorf("%s in UnmarshalJSON: the log does not show where: %s", way, logged.String())
		}
	}
}

func TestNoResultEndsTheExecutor(t *testing.T) {
	t.Parallel()
	for way := range ways {
		k := &keeper{}
		var logged strings.Builder
		logger := slog.New(slog.NewTextHandler(&logged, nil))
		out := runOnce(t, k, logger, `{}`, func(context.Context, struct{}) (hostileValue, error) {
			return hostileValue{Do: way, read: true}, nil
		})
		if out.Verdict != tasks.Done || out.ResultJSON != nil || out.ResultErr == nil || out.ResultErr.Error() == "" {
			t.Errorf("%s in MarshalJSON: %+v", way, out)
		}
		if len(k.ends) != 1 || k.ends[0].ResultErr == nil {
			t.Errorf("%s in MarshalJSON: the recorder heard %+v", way, k.ends)
		}
		if !strings.Contains(logged.String(), "level=WARN msg=\"job succeeded, but its result can't be kept\"") {
			t.Errorf("%s in MarshalJSON: logged %s", way, logged.String())
		}
	}
}

func TestNoRecorderEndsTheExecutor(t *testing.T) {
	t.Parallel()
	for way, does := range ways {
		out := runOnce(t, hostileRecorder{does}, nil, `{}`, func(ctx context.Context, _ struct{}) (int, error) {
			if way != "goexit" { // which ends the function, as everywhere
				tasks.Progress(ctx, 0.5, "half")
			}
			return 7, nil
		})
		if out.Verdict != tasks.Done || out.Result != 7 {
			t.Errorf("%s in the recorder: %+v", way, out)
		}
	}
	for name, answer := range map[string]error{
		"panics": &hostileError{does: func() { panic("boom") }}, "wraps itself": &selfish{}, "has no end": &endless{},
	} {
		out := runOnce(t, &answers{err: answer}, nil, `{}`, func(context.Context, struct{}) (int, error) { return 7, nil })
		if out.Verdict != tasks.Done || out.Result != 7 {
			t.Errorf("a recorder's error that %s: %+v", name, out)
		}
	}
}

type answers struct {
	keeper
	err error
}

func (a *answers) Start(context.Context, tasks.Attempt, context.CancelCauseFunc) (int, error) {
	return 0, a.err
}

func TestNoLoggerEndsTheExecutor(t *testing.T) {
	t.Parallel()
	for way, does := range ways {
		if way == "goexit" {
			continue // it ends the goroutine of whoever logs, as it does everywhere
		}
		for _, fails := range []error{nil, errors.New("x")} {
			out := runOnce(t, nil, slog.New(hostileHandler{does}), `{}`, func(ctx context.Context, _ struct{}) (int, error) {
				tasks.Logger(ctx).Info("here")
				return 7, fails
			})
			if want := tasks.Done; fails == nil && out.Verdict != want || fails != nil && out.ErrorText() != "x" {
				t.Errorf("%s in the logger: %+v", way, out)
			}
		}
	}
}

func TestNoMiddlewareEndsTheExecutor(t *testing.T) {
	t.Parallel()
	fn := func(context.Context, struct{}) (int, error) { return 7, nil }
	for way, does := range ways {
		for place, m := range map[string]tasks.Middleware{
			"when it wraps": func(next tasks.Handler) tasks.Handler { does(); return next },
			"before": func(next tasks.Handler) tasks.Handler {
				return func(ctx context.Context) error { does(); return next(ctx) }
			},
			"after": func(next tasks.Handler) tasks.Handler {
				return func(ctx context.Context) error { err := next(ctx); does(); return err }
			},
			"in a defer": func(next tasks.Handler) tasks.Handler {
				return func(ctx context.Context) error { defer does(); return next(ctx) }
			},
		} {
			if out := runOnce(t, nil, nil, "{}", fn, m); out.Verdict != tasks.Retry || out.Reason != tasks.ReasonPanic {
				t.Errorf("%s %s: %+v", way, place, out)
			}
		}
	}
	none := func(tasks.Handler) tasks.Handler { return nil }
	if out := runOnce(t, nil, nil, "{}", fn, none); out.Reason != tasks.ReasonPanic {
		t.Errorf("middleware without a handler: %+v", out)
	}
	if err := tasks.NewRegistry(tasks.Define("a", ok)).Use(nil).Err(); err == nil || !strings.Contains(err.Error(), "middleware 1 given to Use is nil") {
		t.Errorf("nil middleware: %v", err)
	}
}

// TestErrorTreesDecide generates trees of errors, hostile ones among them, and compares with the rule: the outermost
// Error decides, joined errors are permanent only all together, the longest wait counts, a panic anywhere in the way of
// the walk is a panic.
func TestErrorTreesDecide(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		want, err := tree(rt, 4)
		out := runOnce(t, nil, nil, "{}", func(context.Context, struct{}) (int, error) { return 0, err })
		switch {
		case want.panics:
			if out.Reason != tasks.ReasonPanic {
				rt.Fatalf("reason %v, want panic", out.Reason)
			}
		case want.permanent:
			if out.Verdict != tasks.Dead || out.Reason != tasks.ReasonPermanent || !tasks.IsPermanent(err) {
				rt.Fatalf("%v %v, want a permanent failure", out.Verdict, out.Reason)
			}
		default:
			if out.Verdict != tasks.Retry || out.Delay != want.after || tasks.IsPermanent(err) {
				rt.Fatalf("%v after %v, want a retry after %v", out.Verdict, out.Delay, want.after)
			}
		}
	})
}

// verdict is what a tree of errors means.
type verdict struct {
	permanent, panics bool
	after             time.Duration
	own               bool // an Error has decided
}

func tree(t *rapid.T, depth int) (verdict, error) {
	kinds := []string{"plain", "hostile"}
	if depth > 0 {
		kinds = []string{"plain", "permanent", "after", "again", "wrap", "join", "join %w", "plain", "wrap", "permanent"}
		if rapid.IntRange(0, 9).Draw(t, "hostile") == 0 {
			kinds = []string{"hostile"}
		}
	}
	switch rapid.SampledFrom(kinds).Draw(t, "kind") {
	case "plain":
		return verdict{}, errors.New("plain")
	case "hostile":
		return verdict{panics: true}, &hostileError{does: func() { panic("boom") }}
	case "wrap":
		v, err := tree(t, depth-1)
		return v, &carrier{err}
	case "permanent":
		v, err := tree(t, depth-1)
		return verdict{permanent: true, own: true, panics: v.panics}, tasks.Permanent(&carrier{err})
	case "again":
		v, err := tree(t, depth-1)
		return verdict{own: true, panics: v.panics}, tasks.Errorf("again: %w", &carrier{err})
	case "after":
		v, err := tree(t, depth-1)
		after := time.Duration(rapid.IntRange(0, 100).Draw(t, "after")) * time.Second
		return verdict{after: after, own: true, panics: v.panics}, tasks.RetryAfter(after, &carrier{err})
	}
	all := verdict{permanent: true}
	var errs []error
	for range rapid.IntRange(1, 3).Draw(t, "branches") {
		v, err := tree(t, depth-1)
		errs = append(errs, &carrier{err})
		all.permanent = all.permanent && v.permanent
		all.panics = all.panics || v.panics
		all.own = all.own || v.own
		all.after = max(all.after, v.after)
	}
	return all, errors.Join(append(errs, nil)...)
}
