package sqsqueue_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/coretasks/core/sqsqueue"
	"github.com/coretasks/core/tasks"
)

// retried defines a task on the default queue with so many retries.
func retried(n int) *tasks.Task[int, int] {
	return tasks.Define("task", func(context.Context, int) (int, error) { return 0, nil }, tasks.MaxRetries(n))
}

func (e *env) mustApply(definitions ...tasks.Definition) []sqsqueue.Change {
	e.Helper()
	changes, err := sqsqueue.Apply(e.Context(), e.client, tasks.NewRegistry(definitions...))
	if err != nil {
		e.Fatal(err)
	}
	return changes
}

func (e *env) setAttributes(queue string, attributes map[string]string) {
	e.Helper()
	if _, err := e.em.SetQueueAttributes(e.Context(), &sqs.SetQueueAttributesInput{QueueUrl: e.queueURL(queue), Attributes: attributes}); err != nil {
		e.Fatal(err)
	}
}

func (e *env) wantAttributes(queue string, want map[string]string) {
	e.Helper()
	have := e.attributes(queue)
	for name, value := range want {
		if have[name] != value {
			e.Errorf("%s of queue %s is %q, want %q", name, queue, have[name], value)
		}
	}
}

func actions(changes []sqsqueue.Change) string {
	var s []string
	for _, c := range changes {
		s = append(s, fmt.Sprintf("%s %s %d", c.Queue, c.Action, len(c.Settings)))
	}
	return strings.Join(s, ", ")
}

const policy = `{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:stage-default-dlq","maxReceiveCount":9}`

func TestApplyCreates(t *testing.T) {
	bubble(t, func(e *env) {
		e.client = e.newClient(sqsqueue.Config{Prefix: "stage-"})
		settings := tasks.QueueSettings{Name: tasks.DefaultQueue, VisibilityTimeout: 90 * time.Second, Retention: time.Hour, DeadLetterRetention: 48 * time.Hour}
		changes := e.mustApply(retried(3), settings)
		if got, want := actions(changes), "stage-default-dlq created 0, stage-default created 0"; got != want {
			e.Errorf("%s, want %s", got, want)
		}
		e.wantAttributes("stage-default", map[string]string{"VisibilityTimeout": "90", "MessageRetentionPeriod": "3600", "RedrivePolicy": policy})
		e.wantAttributes("stage-default-dlq", map[string]string{"MessageRetentionPeriod": "172800", "RedrivePolicy": ""})
	})
}

func TestApplyAgain(t *testing.T) {
	t.Parallel()
	const none = "default-dlq unchanged 0, default unchanged 0"
	redrive := func(e *env, count string) string {
		return `{"deadLetterTargetArn":"` + e.attributes("default-dlq")["QueueArn"] + `","maxReceiveCount":` + count + `}`
	}
	tests := []struct {
		name   string
		before func(e *env)
		then   tasks.Definition
		want   string
		writes []string
	}{
		{"the same", func(*env) {}, retried(3), none, nil},
		// The console and LocalStack have it so.
		{"a count that is a string", func(e *env) {
			e.setAttributes("default", map[string]string{"RedrivePolicy": redrive(e, `"9"`)})
		}, retried(3), none, nil},
		{"another number of retries", func(*env) {}, retried(4), "default-dlq unchanged 0, default updated 1", []string{"RedrivePolicy"}},
		{"another count", func(e *env) {
			e.setAttributes("default", map[string]string{"RedrivePolicy": redrive(e, "4")})
		}, retried(3), "default-dlq unchanged 0, default updated 1", []string{"RedrivePolicy"}},
		{"no policy", func(e *env) {
			e.setAttributes("default", map[string]string{"RedrivePolicy": ""})
		}, retried(3), "default-dlq unchanged 0, default updated 1", []string{"RedrivePolicy"}},
		{"settings of its own", func(e *env) {
			e.setAttributes("default", map[string]string{"DelaySeconds": "7", "ReceiveMessageWaitTimeSeconds": "3"})
			e.setAttributes("default-dlq", map[string]string{"VisibilityTimeout": "77"})
		}, retried(3), none, nil},
		{"changed settings", func(e *env) {
			e.setAttributes("default", map[string]string{"VisibilityTimeout": "7", "MessageRetentionPeriod": "777", "DelaySeconds": "7"})
			e.setAttributes("default-dlq", map[string]string{"MessageRetentionPeriod": "777"})
		}, retried(3), "default-dlq updated 1, default updated 2", []string{"MessageRetentionPeriod", "MessageRetentionPeriod", "VisibilityTimeout"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, func(e *env) {
				e.mustApply(retried(3))
				test.before(e)
				own := e.attributes("default")["DelaySeconds"] + e.attributes("default-dlq")["VisibilityTimeout"]
				writes := &writes{API: e.api}
				e.client = mustClient(e, writes)
				changes, err := sqsqueue.Apply(e.Context(), e.client, tasks.NewRegistry(test.then))
				if err != nil {
					e.Fatal(err)
				}
				if got := actions(changes); got != test.want {
					e.Errorf("%s, want %s", got, test.want)
				}
				if !slices.Equal(writes.names, test.writes) {
					e.Errorf("wrote %v, want %v", writes.names, test.writes)
				}
				if now := e.attributes("default")["DelaySeconds"] + e.attributes("default-dlq")["VisibilityTimeout"]; now != own {
					e.Error("a setting that is not ours was changed")
				}
				if got := actions(e.mustApply(test.then)); got != none {
					e.Errorf("and once more: %s", got)
				}
			})
		})
	}
}

// writes notes which settings are written.
type writes struct {
	sqsqueue.API
	names []string
}

func (w *writes) SetQueueAttributes(ctx context.Context, in *sqs.SetQueueAttributesInput, opts ...func(*sqs.Options)) (*sqs.SetQueueAttributesOutput, error) {
	for name := range in.Attributes {
		w.names = append(w.names, name)
	}
	slices.Sort(w.names)
	return w.API.SetQueueAttributes(ctx, in, opts...)
}

func (w *writes) CreateQueue(ctx context.Context, in *sqs.CreateQueueInput, opts ...func(*sqs.Options)) (*sqs.CreateQueueOutput, error) {
	w.names = append(w.names, "create")
	return w.API.CreateQueue(ctx, in, opts...)
}

func mustClient(e *env, a sqsqueue.API) *sqsqueue.Client {
	e.Helper()
	c, err := sqsqueue.New(a, sqsqueue.Config{})
	if err != nil {
		e.Fatal(err)
	}
	return c
}

func TestApplyRaces(t *testing.T) {
	t.Parallel()
	for name, retries := range map[string][2]int{"the same": {3, 3}, "a new version beside an old one": {3, 5}} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(e *env) {
				// Both see that a queue does not exist before either creates it.
				both := map[string]*sync.WaitGroup{"default": {}, "default-dlq": {}}
				for _, wg := range both {
					wg.Add(2)
				}
				var asked sync.Map
				e.api.url = func(ctx context.Context, in *sqs.GetQueueUrlInput, next func(context.Context) (*sqs.GetQueueUrlOutput, error)) (*sqs.GetQueueUrlOutput, error) {
					out, err := next(ctx)
					who := fmt.Sprint(ctx.Value(racer{}), *in.QueueName)
					if _, twice := asked.LoadOrStore(who, true); !twice {
						both[*in.QueueName].Done()
						both[*in.QueueName].Wait()
					}
					return out, err
				}
				var wg sync.WaitGroup
				for i, n := range retries {
					wg.Go(func() {
						ctx := context.WithValue(e.Context(), racer{}, i)
						if _, err := sqsqueue.Apply(ctx, mustClient(e, e.api), tasks.NewRegistry(retried(n))); err != nil {
							e.Error(err)
						}
					})
				}
				wg.Wait()
				e.api.set(func() { e.api.url = nil })
				e.mustApply(retried(retries[1]))
				if problems, err := sqsqueue.Check(e.Context(), e.client, tasks.NewRegistry(retried(retries[1]))); err != nil || len(problems) > 0 {
					e.Errorf("%+v, %v", problems, err)
				}
			})
		})
	}
}

type racer struct{}

// SQS allows a queue that was just created a second until it can be used.
func TestApplyWaitsForANewQueue(t *testing.T) {
	bubble(t, func(e *env) {
		late := &lateAttributes{API: e.api}
		changes, err := sqsqueue.Apply(e.Context(), mustClient(e, late), tasks.NewRegistry(number))
		if err != nil || actions(changes) != "default-dlq created 0, default created 0" {
			e.Errorf("%s, %v", actions(changes), err)
		}
	})
}

type lateAttributes struct {
	sqsqueue.API
	created time.Time
}

func (l *lateAttributes) CreateQueue(ctx context.Context, in *sqs.CreateQueueInput, opts ...func(*sqs.Options)) (*sqs.CreateQueueOutput, error) {
	l.created = time.Now()
	return l.API.CreateQueue(ctx, in, opts...)
}

func (l *lateAttributes) GetQueueAttributes(ctx context.Context, in *sqs.GetQueueAttributesInput, opts ...func(*sqs.Options)) (*sqs.GetQueueAttributesOutput, error) {
	if time.Since(l.created) < time.Second {
		in.QueueUrl = aws.String(*in.QueueUrl + "-not-yet")
	}
	return l.API.GetQueueAttributes(ctx, in, opts...)
}

func (l *lateAttributes) GetQueueUrl(ctx context.Context, in *sqs.GetQueueUrlInput, opts ...func(*sqs.Options)) (*sqs.GetQueueUrlOutput, error) {
	if time.Since(l.created) < time.Second {
		in = &sqs.GetQueueUrlInput{QueueName: aws.String(*in.QueueName + "-not-yet")}
	}
	return l.API.GetQueueUrl(ctx, in, opts...)
}

func TestCheck(t *testing.T) {
	t.Parallel()
	remove := func(queues ...string) func(*env) {
		return func(e *env) {
			for _, queue := range queues {
				if _, err := e.em.DeleteQueue(e.Context(), &sqs.DeleteQueueInput{QueueUrl: e.queueURL(queue)}); err != nil {
					e.Fatal(err)
				}
			}
		}
	}
	change := func(queue, name, value string) func(*env) {
		return func(e *env) { e.setAttributes(queue, map[string]string{name: value}) }
	}
	tests := []struct {
		name  string
		spoil func(*env)
		want  []sqsqueue.Problem // without Mend
	}{
		{"all is well", func(*env) {}, nil},
		{"nothing exists", remove("default", "default-dlq"), []sqsqueue.Problem{
			{Queue: "default-dlq", Fatal: true, Text: "the dead-letter queue does not exist"},
			{Queue: "default", Fatal: true, Text: "the queue does not exist"},
		}},
		{"no dead-letter queue", remove("default-dlq"), []sqsqueue.Problem{
			{Queue: "default-dlq", Fatal: true, Text: "the dead-letter queue does not exist"},
		}},
		{"no redrive policy", change("default", "RedrivePolicy", ""), []sqsqueue.Problem{
			{Queue: "default", Text: "it has no redrive policy: a job that kills its worker would be tried for ever"},
		}},
		{"another dead-letter queue", func(e *env) {
			e.mustApply(tasks.Define("other", func(context.Context, int) (int, error) { return 0, nil }, tasks.Queue("other")))
			change("default", "RedrivePolicy", `{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:other-dlq","maxReceiveCount":9}`)(e)
		}, []sqsqueue.Problem{
			{Queue: "default", Text: "its redrive policy names arn:aws:sqs:us-east-1:000000000000:other-dlq, not its own dead-letter queue"},
		}},
		{"another count", change("default", "RedrivePolicy", `{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:default-dlq","maxReceiveCount":"2"}`), []sqsqueue.Problem{
			{Queue: "default", Text: "its maxReceiveCount is 2; the tasks' retries need 9"},
		}},
		{"another visibility timeout and retention", func(e *env) {
			change("default", "VisibilityTimeout", "7")(e)
			change("default", "MessageRetentionPeriod", "777")(e)
			change("default-dlq", "MessageRetentionPeriod", "888")(e)
		}, []sqsqueue.Problem{
			{Queue: "default-dlq", Text: "it keeps messages for 888 s; the tasks want 1209600 s"},
			{Queue: "default", Text: "its VisibilityTimeout is 7 s; the tasks want 60 s"},
			{Queue: "default", Text: "its MessageRetentionPeriod is 777 s; the tasks want 345600 s"},
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, func(e *env) {
				r := e.apply(retried(3))
				test.spoil(e)
				got, err := sqsqueue.Check(e.Context(), e.client, r, "default")
				if err != nil {
					e.Fatal(err)
				}
				for i := range got {
					if got[i].Mend != sqsqueue.MendApply {
						e.Errorf("mended by %q", got[i].Mend)
					}
					got[i].Mend = ""
				}
				if !slices.Equal(got, test.want) {
					e.Errorf("got  %+v\nwant %+v", got, test.want)
				}
				if got, err := sqsqueue.Check(e.Context(), e.client, r, "another"); err != nil || len(got) > 0 {
					e.Errorf("of another queue: %+v, %v", got, err)
				}
				e.mustApply(retried(3))
				if got, err := sqsqueue.Check(e.Context(), e.client, r); err != nil || len(got) > 0 {
					e.Errorf("after Apply: %+v, %v", got, err)
				}
			})
		})
	}
}

func TestDepths(t *testing.T) {
	bubble(t, func(e *env) {
		r := tasks.NewRegistry(number, tasks.Define("missing", func(context.Context, int) (int, error) { return 0, nil }, tasks.Queue("missing")))
		e.apply(number)
		enqueue(e, number, 5)
		if _, err := number.Delay(e.Context(), e.client, 1, tasks.Countdown(time.Minute)); err != nil {
			e.Fatal(err)
		}
		if _, err := e.em.ReceiveMessage(e.Context(), &sqs.ReceiveMessageInput{QueueUrl: e.queueURL("default"), MaxNumberOfMessages: 2}); err != nil {
			e.Fatal(err)
		}
		if _, err := e.em.SendMessage(e.Context(), &sqs.SendMessageInput{QueueUrl: e.queueURL("default-dlq"), MessageBody: aws.String("x")}); err != nil {
			e.Fatal(err)
		}
		got, err := sqsqueue.Depths(e.Context(), e.client, r)
		want := []sqsqueue.Depth{{Queue: "default", Waiting: 3, Delayed: 1, InFlight: 2, Dead: 1}, {Queue: "missing", Missing: true}}
		if err != nil || !slices.Equal(got, want) {
			e.Errorf("%+v, %v, want %+v", got, err, want)
		}
		if text, err := json.Marshal(got[1]); err != nil || !strings.Contains(string(text), `"missing":true`) {
			e.Errorf("%s, %v", text, err)
		}
	})
}

func TestProvisioningTellsOfABadRegistry(t *testing.T) {
	bubble(t, func(e *env) {
		bad := tasks.NewRegistry(number, number)
		_, applied := sqsqueue.Apply(e.Context(), e.client, bad)
		_, counted := sqsqueue.Depths(e.Context(), e.client, bad)
		for _, err := range []error{applied, counted} {
			if _, ok := errors.AsType[*tasks.DefinitionError](err); !ok {
				e.Errorf("%v, want a DefinitionError", err)
			}
		}
		if len(e.api.log()) > 0 {
			e.Error("SQS was asked all the same")
		}
	})
}
