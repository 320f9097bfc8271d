package tasks_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coretasks/core/tasks"
)

type none struct{}

func ok(context.Context, none) (none, error) { return none{}, nil }

func TestRegistryRefuses(t *testing.T) {
	t.Parallel()
	type withChannel struct {
		Deep []map[string]struct{ C chan int }
	}
	type hidden struct {
		C chan int `json:"-"`
		c chan int //nolint:unused // JSON leaves it out, and that is the point
	}
	for name, tc := range map[string]struct {
		def  []tasks.Definition
		want string // in the message; "" is accepted
	}{
		"a good task":              {def: []tasks.Definition{tasks.Define("reports.generate-1_x", ok)}},
		"fields that JSON ignores": {def: []tasks.Definition{tasks.Define("a", func(context.Context, hidden) (none, error) { return none{}, nil })}},
		"times and raw JSON": {def: []tasks.Definition{tasks.Define("a", func(context.Context, struct {
			T time.Time
			R json.RawMessage
			M map[int]any
		}) (none, error) {
			return none{}, nil
		})}},
		"an empty name":          {def: []tasks.Definition{tasks.Define("", ok)}, want: `task "": the name is invalid`},
		"a name with a space":    {def: []tasks.Definition{tasks.Define("a b", ok)}, want: `task "a b": the name is invalid`},
		"a name with a newline":  {def: []tasks.Definition{tasks.Define("a\n", ok)}, want: `the name is invalid`},
		"a long name":            {def: []tasks.Definition{tasks.Define(strings.Repeat("a", 129), ok)}, want: `1 to 128`},
		"a duplicate":            {def: []tasks.Definition{tasks.Define("a", ok), tasks.Define("a", ok)}, want: `task "a": it is defined twice`},
		"no function":            {def: []tasks.Definition{tasks.Define[none, none]("a", nil)}, want: `task "a": the function is nil`},
		"no function, no result": {def: []tasks.Definition{tasks.Define("a", tasks.NoResult[none](nil))}, want: `task "a": the function is nil`},
		"nil":                    {def: []tasks.Definition{nil}, want: "definition 1 given to NewRegistry is nil"},
		"a nil task":             {def: []tasks.Definition{(*tasks.Task[none, none])(nil)}, want: "definition 1 given to NewRegistry is nil"},
		"a task of no Define":    {def: []tasks.Definition{&tasks.Task[none, none]{}}, want: "definition 1 given to NewRegistry is nil"},
		"a nil periodic task":    {def: []tasks.Definition{(*tasks.PeriodicTask)(nil)}, want: "definition 1 given to NewRegistry is nil"},
		"a channel": {
			def:  []tasks.Definition{tasks.Define("a", func(context.Context, withChannel) (none, error) { return none{}, nil })},
			want: `task "a": Params.Deep[][].C is a chan int, which can't be JSON`,
		},
		"a function as result": {
			def:  []tasks.Definition{tasks.Define("a", func(context.Context, none) (func(), error) { return nil, nil })},
			want: `task "a": Result is a func(), which can't be JSON`,
		},
		"keys that are structs": {
			def:  []tasks.Definition{tasks.Define("a", func(context.Context, map[none]int) (none, error) { return none{}, nil })},
			want: `has keys of type`,
		},
		"negative retries":   {def: []tasks.Definition{tasks.Define("a", ok, tasks.MaxRetries(-1))}, want: `task "a": MaxRetries(-1) is out of range: it must be 0 to 994`},
		"too many retries":   {def: []tasks.Definition{tasks.Define("a", ok, tasks.MaxRetries(995))}, want: `MaxRetries(995)`},
		"most retries":       {def: []tasks.Definition{tasks.Define("a", ok, tasks.MaxRetries(994))}},
		"a negative delay":   {def: []tasks.Definition{tasks.Define("a", ok, tasks.RetryDelay(-1))}, want: `task "a": RetryDelay(-1ns) is out of range`},
		"a long delay":       {def: []tasks.Definition{tasks.Define("a", ok, tasks.RetryDelay(12*time.Hour+1))}, want: `RetryDelay`},
		"a negative timeout": {def: []tasks.Definition{tasks.Define("a", ok, tasks.Timeout(-time.Second))}, want: `task "a": Timeout(-1s) is out of range`},
		"a long timeout":     {def: []tasks.Definition{tasks.Define("a", ok, tasks.Timeout(12*time.Hour))}, want: `Timeout(12h0m0s) is out of range`},
		"an invalid queue":   {def: []tasks.Definition{tasks.Define("a", ok, tasks.Queue("my queue"))}, want: `task "a": queue "my queue" is invalid`},
		"an empty queue":     {def: []tasks.Definition{tasks.Define("a", ok, tasks.Queue(""))}, want: `queue "" is empty`},
		"a dead-letter name": {def: []tasks.Definition{tasks.Define("a", ok, tasks.Queue("x-dlq"))}, want: `kept for dead-letter queues`},
		"a long queue name":  {def: []tasks.Definition{tasks.Define("a", ok, tasks.Queue(strings.Repeat("q", 77)))}, want: `longer than 76`},
		"settings of no queue": {
			def:  []tasks.Definition{tasks.Define("a", ok), tasks.QueueSettings{Name: "other"}},
			want: `queue "other": it has settings, but no task uses it`,
		},
		"settings twice": {
			def:  []tasks.Definition{tasks.Define("a", ok), tasks.QueueSettings{Name: "default"}, tasks.QueueSettings{Name: "default"}},
			want: `it has settings twice`,
		},
		"a short visibility": {
			def:  []tasks.Definition{tasks.Define("a", ok), tasks.QueueSettings{Name: "default", VisibilityTimeout: time.Second}},
			want: `queue "default": VisibilityTimeout 1s is out of range: it must be 5s to 12h0m0s`,
		},
		"broken seconds": {
			def:  []tasks.Definition{tasks.Define("a", ok), tasks.QueueSettings{Name: "default", VisibilityTimeout: 5500 * time.Millisecond}},
			want: `VisibilityTimeout 5.5s must be whole seconds`,
		},
		"dead letters that go first": {
			def:  []tasks.Definition{tasks.Define("a", ok), tasks.QueueSettings{Name: "default", Retention: 14 * 24 * time.Hour}},
			want: `must be shorter than DeadLetterRetention`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := tasks.NewRegistry(tc.def...).Err()
			switch {
			case tc.want == "" && err != nil:
				t.Errorf("refused: %v", err)
			case tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)):
				t.Errorf("error %v, want one with %q", err, tc.want)
			}
			if tc.want != "" && !strings.HasSuffix(tc.want, "is nil") || strings.HasSuffix(tc.want, "function is nil") {
				if d, isDef := errors.AsType[*tasks.DefinitionError](err); !isDef || d.Problem == "" {
					t.Errorf("error %#v is not a DefinitionError", err)
				}
			}
		})
	}
}

func TestADefinitionThatIsWrongEnqueuesNothing(t *testing.T) {
	t.Parallel()
	wrong := tasks.Define("wrong", ok, tasks.MaxRetries(-1))
	if _, err := wrong.Delay(t.Context(), sendNothing{t}, none{}); err == nil || !strings.Contains(err.Error(), "MaxRetries(-1)") {
		t.Errorf("Delay: %v, want the definition's problem", err)
	}
	if _, err := tasks.NewExecutor(tasks.NewRegistry(wrong), tasks.ExecutorConfig{}); err == nil {
		t.Error("an executor of a wrong registry was made")
	}
}

type sendNothing struct{ t *testing.T }

func (s sendNothing) Send(context.Context, []tasks.Message) []error {
	s.t.Error("a message was sent")
	return nil
}

func TestQueuesFollowTheTasks(t *testing.T) {
	t.Parallel()
	r := tasks.NewRegistry(
		tasks.Define("a", ok, tasks.MaxRetries(3)), tasks.Define("b", ok), tasks.Define("c", ok, tasks.Queue("urgent"), tasks.MaxRetries(1)),
		tasks.QueueSettings{Name: "urgent", VisibilityTimeout: 5 * time.Minute, Retention: time.Hour},
	)
	if err := r.Err(); err != nil {
		t.Fatal(err)
	}
	want := []tasks.QueueSpec{
		{
			QueueSettings: tasks.QueueSettings{
				Name: "default", VisibilityTimeout: time.Minute, Retention: 96 * time.Hour, DeadLetterRetention: 336 * time.Hour,
			},
			MaxReceiveCount: 3 + 1 + 5,
		},
		{
			QueueSettings: tasks.QueueSettings{
				Name: "urgent", VisibilityTimeout: 5 * time.Minute, Retention: time.Hour, DeadLetterRetention: 336 * time.Hour,
			},
			MaxReceiveCount: 1 + 1 + 5,
		},
	}
	if got := r.Queues(); !slices.Equal(got, want) {
		t.Errorf("queues %+v\nwant   %+v", got, want)
	}
}

func TestAnUnknownTaskIsNamedWithThoseThatThereAre(t *testing.T) {
	t.Parallel()
	r := tasks.NewRegistry(tasks.Define("b", ok), tasks.Define("a", ok))
	_, err := r.Task("c")
	if !errors.Is(err, tasks.ErrUnknownTask) || err.Error() != `unknown task "c": this program has a, b` {
		t.Errorf("error %v", err)
	}
	if task, err := r.Task("a"); err != nil || task.Info().Name != "a" {
		t.Errorf("task %v, %v", task, err)
	}
}
