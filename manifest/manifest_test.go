package manifest_test

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coretasks/core/manifest"
	"github.com/coretasks/core/tasks"
)

func definitions(mailRetries int) []tasks.Definition {
	return []tasks.Definition{
		tasks.Define("mail.send", func(context.Context, string) (string, error) { return "", nil },
			tasks.MaxRetries(mailRetries), tasks.RetryDelay(1500*time.Millisecond)),
		tasks.Define("import", func(context.Context, string) (string, error) { return "", nil },
			tasks.Queue("slow"), tasks.MaxRetries(1), tasks.Timeout(time.Hour)),
		tasks.QueueSettings{Name: "slow", VisibilityTimeout: 2 * time.Minute, LambdaTimeout: 30 * time.Second},
		tasks.Periodic("cleanup", func(context.Context) error { return nil }, tasks.Cron("30 3 * * 1-5"), tasks.In("America/Sao_Paulo")),
		tasks.Periodic("tick", func(context.Context) error { return nil }, tasks.Every(30*time.Second), tasks.Queue("slow"),
			tasks.From(time.Date(2026, 1, 2, 3, 4, 5, 0, time.FixedZone("", 3600)))),
	}
}

func of(t *testing.T, definitions ...tasks.Definition) manifest.Manifest {
	t.Helper()
	m, err := manifest.Of(tasks.NewRegistry(definitions...))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func encode(t *testing.T, m manifest.Manifest) string {
	t.Helper()
	data, err := m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

const wantQueueAndTask = `{
  "version": 1,
  "queues": [
    {
      "name": "default",
      "visibility_timeout_seconds": 60,
      "max_receive_count": 9,
      "retention_seconds": 345600,
      "dead_letter_retention_seconds": 1209600
    },
    {
      "name": "slow",
      "visibility_timeout_seconds": 180,
      "max_receive_count": 7,
      "retention_seconds": 345600,
      "dead_letter_retention_seconds": 1209600,
      "lambda_timeout_seconds": 30
    }
  ],
  "tasks": [
    {
      "name": "cleanup",
      "queue": "default",
      "max_retries": 0,
      "retry_delay_seconds": 0,
      "timeout_seconds": 0
    },
    {
      "name": "import",
      "queue": "slow",
      "max_retries": 1,
      "retry_delay_seconds": 0,
      "timeout_seconds": 3600
    },
    {
      "name": "mail.send",
      "queue": "default",
      "max_retries": 3,
      "retry_delay_seconds": 1.5,
      "timeout_seconds": 0
    },
`

const wantSchedules = `  "schedules": [
    {
      "name": "cleanup",
      "description": "Task cleanup, 30 3 * * 1-5 (America/Sao_Paulo)",
      "task": "cleanup",
      "queue": "default",
      "expression": "cron(30 3 ? * 2-6 *)",
      "time_zone": "America/Sao_Paulo",
      "period_seconds": 0,
      "flexible_window_minutes": 0,
      "max_event_age_seconds": 3600,
      "max_retry_attempts": 185,
      "target": "sqs:SendMessage",
      "input": "{\"v\":1,\"id\":\"cleanup@<aws.scheduler.scheduled-time>\",\"task\":\"cleanup\",\"params\":{},\"enqueued_at\":\"<aws.scheduler.scheduled-time>\"}"
    },
    {
      "name": "tick",
      "description": "Task tick, every 30s",
      "task": "tick",
      "queue": "slow",
      "expression": "rate(1 minute)",
      "time_zone": "UTC",
      "period_seconds": 60,
      "start": "2026-01-02T02:05:00Z",
`

func TestOf(t *testing.T) {
	t.Parallel()
	got := encode(t, of(t, definitions(3)...))
	if !strings.HasPrefix(got, wantQueueAndTask) || !strings.Contains(got, wantSchedules) {
		t.Errorf("the manifest is\n%s", got)
	}
	if !strings.Contains(got, `"target": "sqs:SendMessageBatch"`) || !strings.Contains(got, `\"QueueUrl\":\"{{queue_url}}\"`) {
		t.Errorf("the batch target is missing in\n%s", got)
	}
	reversed := definitions(3)
	slices.Reverse(reversed)
	if again := encode(t, of(t, reversed...)); again != got {
		t.Errorf("the order of definitions matters:\n%s", again)
	}
}

func TestOfNothing(t *testing.T) {
	t.Parallel()
	if got := encode(t, of(t)); strings.Contains(got, "null") {
		t.Errorf("an empty list is null in\n%s", got)
	}
}

func TestOfInvalid(t *testing.T) {
	t.Parallel()
	_, err := manifest.Of(tasks.NewRegistry(tasks.Define("a b", func(context.Context, int) (int, error) { return 0, nil })))
	if _, ok := errors.AsType[*tasks.DefinitionError](err); !ok {
		t.Errorf("the error is %v, want the definition's", err)
	}
}

func TestDecode(t *testing.T) {
	t.Parallel()
	want := of(t, definitions(3)...)
	got, err := manifest.Decode([]byte(encode(t, want)))
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("decoded %+v, %v\nwant %+v", got, err, want)
	}
}

func TestDecodeRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, text, want string }{
		{"nothing", ``, "not a manifest: it is empty or ends too early"},
		{"an unfinished file", `{"version": 1, "queues"`, "not a manifest: it is empty or ends too early"},
		{"another type", `[]`, "not a manifest: .* can't be a JSON array"},
		{"no version", `{}`, "version is missing"},
		{"a newer version", `{"version": 2, "queues": 7}`, "the manifest has version 2, and this program reads version 1: use a newer one, or write the manifest anew with this one"},
		{"an older version", `{"version": 0}`, "write it anew with 'core manifest'"},
		{"a wrong type", `{"version": 1, "queues": [{"name": 7}]}`, "queues.name can't be a JSON number"},
		{"a time that is none", `{"version": 1, "schedules": [{"start": "soon"}]}`, "not a manifest"},
		{"negative seconds", `{"version": 1, "tasks": [{"timeout_seconds": -1}]}`, "-1 is no number of seconds"},
		{"seconds for ever", `{"version": 1, "tasks": [{"timeout_seconds": 1e300}]}`, "1e300 is no number of seconds"},
		{"no seconds", `{"version": 1, "tasks": [{"timeout_seconds": null}]}`, "null is no number of seconds"},
		{"a queue without a name", `{"version": 1, "queues": [{}]}`, "queues[0].name is missing"},
		{"a queue twice", `{"version": 1, "queues": [{"name": "a"}, {"name": "a"}]}`, `queues[1].name is "a", as another's`},
		{"a task without its queue", `{"version": 1, "tasks": [{"name": "t", "queue": "a"}]}`, `tasks[0].queue is "a", which is no queue of it`},
		{"a schedule without its task", `{"version": 1, "queues": [{"name": "a"}], "schedules": [{"name": "s", "queue": "a", "task": "t"}]}`, `schedules[0].task is "t", which is no task of it`},
		{
			"an unknown target", `{"version": 1, "queues": [{"name": "a"}], "tasks": [{"name": "t", "queue": "a"}],
			"schedules": [{"name": "s", "queue": "a", "task": "t", "target": "sns"}]}`, `schedules[0].target is "sns", neither sqs:SendMessage nor sqs:SendMessageBatch`,
		},
		{"more behind it", `{"version": 1} {}`, "there is more text behind the JSON object"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := manifest.Decode([]byte(tt.text))
			if err == nil {
				t.Fatal("it is accepted")
			}
			before, after, _ := strings.Cut(tt.want, ".*")
			if !strings.Contains(err.Error(), before) || !strings.Contains(err.Error(), after) {
				t.Errorf("the error is %q, want %q", err, tt.want)
			}
		})
	}
}

func TestDiff(t *testing.T) {
	t.Parallel()
	old := of(t, definitions(3)...)
	if got := manifest.Diff(old, old); len(got) != 0 {
		t.Errorf("a manifest differs from itself: %v", got)
	}
	changed := append(definitions(5)[:3:3], tasks.Periodic("tick", func(context.Context) error { return nil }, tasks.Every(15*time.Second), tasks.Queue("slow")))
	changed = append(changed, tasks.Define("new", func(context.Context, int) (int, error) { return 0, nil }))
	var got []string
	for _, d := range manifest.Diff(old, of(t, changed...)) {
		line := d.String()
		if before, _, long := strings.Cut(line, "input: "); long {
			line = before + "input: ..."
		}
		got = append(got, line)
	}
	want := []string{
		"~ queues.default.max_receive_count: 9 -> 11",
		"- tasks.cleanup",
		"~ tasks.mail.send.max_retries: 3 -> 5",
		"+ tasks.new",
		"- schedules.cleanup",
		"~ schedules.tick.description: Task tick, every 30s -> Task tick, every 15s",
		"~ schedules.tick.input: ...",
		"~ schedules.tick.start: 2026-01-02T02:05:00Z -> none",
	}
	if !slices.Equal(got, want) {
		t.Errorf("the differences are\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// FuzzDecode shows that whatever is read can be written, and then reads as the same.
func FuzzDecode(f *testing.F) {
	m, err := manifest.Of(tasks.NewRegistry(definitions(3)...))
	if err != nil {
		f.Fatal(err)
	}
	data, err := m.Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte(`{"version": 1, "tasks": [{"name": "t", "timeout_seconds": 0.1}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := manifest.Decode(data)
		if err != nil {
			return
		}
		written, err := m.Encode()
		if err != nil {
			t.Fatal(err)
		}
		again, err := manifest.Decode(written)
		if err != nil {
			t.Fatalf("%v in %s", err, written)
		}
		if differences := manifest.Diff(m, again); len(differences) > 0 {
			t.Errorf("it changed when it was written: %v", differences)
		}
	})
}
