package schedules_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/google/uuid"

	"github.com/coretasks/core/emulator"
	"github.com/coretasks/core/internal/testenv"
	"github.com/coretasks/core/schedules"
	"github.com/coretasks/core/sqsqueue"
	"github.com/coretasks/core/tasks"
)

const role = "arn:aws:iam::000000000000:role/scheduler"

// rawAPI is what the tests do behind the manager's back.
type rawAPI interface {
	schedules.API
	DeleteScheduleGroup(context.Context, *scheduler.DeleteScheduleGroupInput, ...func(*scheduler.Options)) (*scheduler.DeleteScheduleGroupOutput, error)
	TagResource(context.Context, *scheduler.TagResourceInput, ...func(*scheduler.Options)) (*scheduler.TagResourceOutput, error)
}

// A world is one backend with the queues of a registry and an application of its own.
type world struct {
	api    rawAPI
	sqs    sqsqueue.API
	client *sqsqueue.Client
	app    string
	// noGroup means that a schedule in a group that is not there is an internal error, as on LocalStack.
	noGroup bool
}

// onEach runs a test on the emulator and on LocalStack.
func onEach(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	t.Parallel()
	t.Run("emulator", func(t *testing.T) {
		t.Parallel()
		test(t, onEmulator(t))
	})
	t.Run("LocalStack", func(t *testing.T) {
		t.Parallel()
		cfg := testenv.LocalStack(t)
		w := newWorld(t, schedules.NewAPI(cfg), sqsqueue.NewAPI(cfg))
		w.noGroup = true
		test(t, w)
	})
}

func onEmulator(t *testing.T) *world {
	t.Helper()
	em, err := emulator.Open(emulator.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := em.Close(); err != nil {
			t.Error(err)
		}
	})
	return newWorld(t, em.Scheduler(), em.SQS())
}

func newWorld(t *testing.T, api rawAPI, queues sqsqueue.API) *world {
	t.Helper()
	unique := "t" + uuid.NewString()[:8]
	client, err := sqsqueue.New(queues, sqsqueue.Config{Prefix: unique + "-"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := client.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	return &world{api: api, sqs: queues, client: client, app: unique}
}

// manager returns a manager as another process would have it, and makes the registry's queues.
func (w *world) manager(t *testing.T, r *tasks.Registry, api schedules.API) *schedules.Manager {
	t.Helper()
	if _, err := sqsqueue.Apply(t.Context(), w.client, r); err != nil {
		t.Fatal(err)
	}
	m, err := schedules.New(api, w.client, schedules.Config{Application: w.app, RoleARN: role})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// planned is a plan in short: "create a, update b (zone), delete c".
func planned(t *testing.T, m *schedules.Manager, r *tasks.Registry) string {
	t.Helper()
	p, err := m.Plan(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	return short(p)
}

func short(p *schedules.Plan) string {
	var all []string
	for _, c := range p.Changes {
		text := fmt.Sprintf("%s %s", c.Action, c.Schedule)
		if c.Action == schedules.Update {
			var names []string
			for _, f := range c.Fields {
				names = append(names, f.Name)
			}
			text += " (" + strings.Join(names, ", ") + ")"
		}
		if c.Paused {
			text += " paused"
		}
		all = append(all, text)
	}
	return strings.Join(all, "; ")
}

func apply(t *testing.T, m *schedules.Manager, r *tasks.Registry) string {
	t.Helper()
	p, err := m.Apply(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	return short(p)
}

func is[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}
