package cli_test

import (
	"strings"
	"testing"
	"time"

	"github.com/coretasks/core/internal/mainjob"
	"github.com/coretasks/core/internal/testenv"
)

func TestSchedulersAreKilled(t *testing.T) {
	t.Parallel()
	length := 12 * time.Second
	if testenv.Long() {
		length = 5 * time.Minute
	}
	w := mainjob.New(t)
	w.Start(t, "serving SQS", "local")
	mainjob.KillSchedulers(t, w, length)
}

func TestSchedulerRefuses(t *testing.T) {
	t.Parallel()
	aws := []string{"AWS_REGION=us-east-1", "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", "CORE_TEST_TICK=1"}
	for name, tc := range map[string]struct {
		env  []string
		args []string
		code int
		want string
	}{
		"AWS without a store":    {env: aws, code: 2, want: "this is AWS, where EventBridge would fire the same tasks, each tick twice; set --results"},
		"AWS by its name":        {env: append([]string{"AWS_ENDPOINT_URL=https://sqs.us-east-1.amazonaws.com"}, aws...), code: 2, want: "this is AWS"},
		"nothing to fire":        {env: append([]string{"AWS_ENDPOINT_URL=http://127.0.0.1:1"}, aws[:3]...), code: 1, want: "the program has no periodic tasks"},
		"nothing answers":        {env: append([]string{"AWS_ENDPOINT_URL=http://127.0.0.1:1", "AWS_MAX_ATTEMPTS=1"}, aws...), code: 1, want: "is something running at AWS_ENDPOINT_URL=http://127.0.0.1:1?"},
		"an argument":            {env: aws, args: []string{"tick"}, code: 2, want: "unknown command"},
		"an unusable store file": {env: aws, args: []string{"--results", "sqlite:///dev/null/x.db"}, code: 1, want: "/dev/null"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := &mainjob.World{Dir: t.TempDir(), Env: tc.env}
			code, stdout, stderr := w.Run(t, "", append([]string{"scheduler"}, tc.args...)...)
			if code != tc.code || !strings.Contains(stderr, tc.want) || stdout != "" {
				t.Errorf("code %d, %q, want %d, %q", code, stderr, tc.code, tc.want)
			}
		})
	}
}

// Without a store a scheduler works, and says what that means.
func TestSchedulerWithoutAStore(t *testing.T) {
	t.Parallel()
	w := mainjob.New(t)
	w.Env = append(w.Env, "CORE_TEST_TICK=1", "CORE_RESULTS=none")
	w.Start(t, "serving SQS", "local")
	code, _, stderr := w.Run(t, "", "scheduler")
	if code != 1 || !strings.Contains(stderr, "the queue does not exist") {
		t.Errorf("without queues: code %d, %s", code, stderr)
	}
	w.Must(t, "queues", "apply")
	scheduler := w.Start(t, "scheduler started", "scheduler")
	if !strings.Contains(scheduler.Text(), "exactly one scheduler may run") {
		t.Errorf("it says %s", scheduler.Text())
	}
	w.Start(t, "worker started", "worker", "--queue", "high-priority")
	mainjob.Await(t, "two ticks were worked", func() bool { return w.Count(t, "end") >= 2 })
}
