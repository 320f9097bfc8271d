package schedules_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/coretasks/core/internal/testenv"
	"github.com/coretasks/core/schedules"
	"github.com/coretasks/core/schedules/ticker"
	"github.com/coretasks/core/sqsqueue"
	"github.com/coretasks/core/tasks"
)

// TestAPeriodicTaskIsFiredAndWorked takes up to two minutes of real time on each backend, where a schedule's first tick is
// the next whole minute.
func TestAPeriodicTaskIsFiredAndWorked(t *testing.T) {
	t.Parallel()
	t.Run("emulator", func(t *testing.T) {
		t.Parallel()
		firedAndWorked(t, onEmulator(t), false)
	})
	t.Run("MiniStack", func(t *testing.T) {
		t.Parallel()
		cfg := testenv.MiniStack(t)
		firedAndWorked(t, newWorld(t, schedules.NewAPI(cfg), scheduledTime{sqsqueue.NewAPI(cfg)}), false)
	})
	t.Run("LocalStack", func(t *testing.T) {
		t.Parallel()
		cfg := testenv.LocalStack(t) // which stores schedules and fires none: package ticker does
		firedAndWorked(t, newWorld(t, schedules.NewAPI(cfg), sqsqueue.NewAPI(cfg)), true)
	})
}

// scheduledTime does what MiniStack leaves out when it fires: it puts the time in the place of its name.
type scheduledTime struct{ sqsqueue.API }

func (s scheduledTime) ReceiveMessage(ctx context.Context, in *sqs.ReceiveMessageInput, opts ...func(*sqs.Options)) (*sqs.ReceiveMessageOutput, error) {
	out, err := s.API.ReceiveMessage(ctx, in, opts...)
	if err != nil {
		return nil, err
	}
	minute := time.Now().UTC().Truncate(time.Minute).Format(time.RFC3339)
	for i, m := range out.Messages {
		out.Messages[i].Body = aws.String(strings.ReplaceAll(aws.ToString(m.Body), "<aws.scheduler.scheduled-time>", minute))
	}
	return out, nil
}

func firedAndWorked(t *testing.T, w *world, ticked bool) {
	t.Helper()
	ran := make(chan tasks.Attempt, 100)
	r := tasks.NewRegistry(tasks.Periodic("minutely", func(ctx context.Context) error {
		attempt, _ := tasks.Current(ctx)
		ran <- attempt
		return nil
	}, tasks.Every(time.Minute)))
	m := w.manager(t, r, w.api)
	apply(t, m, r)
	if got := planned(t, m, r); got != "" {
		t.Errorf("after apply the plan is %q", got)
	}
	worker, err := sqsqueue.NewWorker(w.client, r, sqsqueue.WorkerConfig{ShutdownTimeout: 4 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(t.Context(), 150*time.Second)
	stopped := make(chan error, 1)
	go func() { stopped <- worker.Run(ctx) }()
	firing := make(chan struct{})
	if ticked {
		scheduler, err := ticker.New(r, w.client, ticker.Config{})
		if err != nil {
			t.Fatal(err)
		}
		go func() { defer close(firing); scheduler.Run(ctx) }()
	} else {
		close(firing)
	}
	select {
	case attempt := <-ran:
		name, tick, ok := tasks.ParseTickID(attempt.ID)
		if !ok || name != "minutely" || tick.Second() != 0 || !strings.HasSuffix(attempt.ID, "Z") {
			t.Errorf("the job's id is %s", attempt.ID)
		}
		if late := time.Since(tick); late < 0 || late > 90*time.Second {
			t.Errorf("the tick of %v ran %v later", tick, late)
		}
	case <-ctx.Done():
		t.Error("nothing was fired")
	}
	stop()
	<-firing
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	if got := apply(t, m, tasks.NewRegistry()); got != "delete minutely" {
		t.Errorf("removed from the code, apply did %q", got)
	}
}
