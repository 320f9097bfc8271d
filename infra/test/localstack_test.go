package test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/coretasks/core/internal/testenv"
	"github.com/coretasks/core/schedules"
	"github.com/coretasks/core/sqsqueue"
	"github.com/coretasks/core/tasks"
)

// app is a program whose mail is retried that often.
func app(retries int, now time.Time, worked chan<- string) *tasks.Registry {
	periodic := func(context.Context) error { return nil }
	return tasks.NewRegistry(
		tasks.Define("mail.send", tasks.NoResult(func(_ context.Context, to string) error {
			worked <- to
			return nil
		}), tasks.MaxRetries(retries)),
		tasks.Periodic("cleanup", periodic, tasks.Cron("30 3 1-7 * 1"), tasks.In("America/Sao_Paulo"), tasks.FlexibleWindow(15*time.Minute)),
		tasks.Periodic("sync", periodic, tasks.Every(7*time.Minute), tasks.Until(now.AddDate(1, 0, 0))),
		tasks.Periodic("tick", periodic, tasks.Every(10*time.Second), tasks.From(now.AddDate(0, 0, 3))),
	)
}

// TestTerraformOnLocalStack applies the example: queues, schedules, roles and alarms.
func TestTerraformOnLocalStack(t *testing.T) {
	t.Parallel()
	cfg := testenv.LocalStack(t)
	needTerraform(t)
	now, worked := time.Now(), make(chan string, 1)
	w := newWorkspace(t, cfg)
	w.write(t, app(3, now, worked))
	w.apply(t)

	// LocalStack forgets the tags that an alarm is created with, and keeps those that it is given later.
	for _, c := range w.plan(t) {
		if d := strings.Join(c.differing(), ","); c.Type != "aws_cloudwatch_metric_alarm" || d != "tags,tags_all" {
			t.Errorf("a second plan would %v %s: %s", c.Change.Actions, c.Address, d)
		}
	}
	w.apply(t)
	w.wantNoChanges(t)

	// The code agrees with what Terraform made of its manifest.
	client, err := sqsqueue.New(sqsqueue.NewAPI(cfg), sqsqueue.Config{Prefix: w.prefix})
	if err != nil {
		t.Fatal(err)
	}
	problems, err := sqsqueue.Check(t.Context(), client, app(3, now, worked))
	if err != nil || len(problems) > 0 {
		t.Errorf("the queues do not suit the code: %+v, %v", problems, err)
	}
	wantSchedules(t, cfg, client, w.prefix, app(3, now, worked))
	work(t, client, app(3, now, worked), worked)

	// Changed code changes what it must, and nothing else.
	w.write(t, app(5, now, worked))
	changes := w.plan(t)
	if len(changes) != 1 || changes[0].Address != `module.core.module.queue["default"].aws_sqs_queue_redrive_policy.this` ||
		strings.Join(changes[0].Change.Actions, ",") != "update" {
		t.Errorf("more retries change %+v, want the redrive policy alone", changes)
	}

	// Another application can't take the same prefix.
	example := filepath.Join(w.dir, "main.tf")
	text, err := os.ReadFile(example)
	if err != nil {
		t.Fatal(err)
	}
	other := *w
	other.dir = filepath.Join(filepath.Dir(w.dir), "other")
	if err := os.CopyFS(other.dir, os.DirFS(w.dir)); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(other.dir, "terraform.tfstate")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(other.dir, "main.tf"), []byte(strings.Replace(string(text), `"reports"`, `"billing"`, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := other.command(t.Context(), append([]string{"plan"}, other.vars...)...).CombinedOutput()
	if words := strings.Join(strings.Fields(strings.ReplaceAll(string(out), "│", " ")), " "); err == nil || !strings.Contains(words, `belongs to application "reports"`) || !strings.Contains(words, "Choose another") {
		t.Errorf("a second application with the prefix: %v\n%s", err, out)
	}

	w.destroy(t)
	wantNothingLeft(t, w.prefix, onLocalStack(cfg, w.prefix))
}

// wantSchedules compares EventBridge's schedules with the code's, as 'core schedules plan' does.
func wantSchedules(t *testing.T, cfg aws.Config, client *sqsqueue.Client, prefix string, r *tasks.Registry) {
	t.Helper()
	roles, err := iam.NewFromConfig(cfg).ListRoles(t.Context(), &iam.ListRolesInput{})
	if err != nil {
		t.Fatal(err)
	}
	role := ""
	for _, r := range roles.Roles {
		if strings.HasPrefix(*r.RoleName, prefix+"reports-schedules") {
			role = *r.Arn
		}
	}
	manager, err := schedules.New(scheduler.NewFromConfig(cfg), client, schedules.Config{Prefix: prefix, Application: "reports", RoleARN: role})
	if err != nil {
		t.Fatal(err)
	}
	plan, err := manager.Plan(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	if !plan.Empty() {
		t.Errorf("'core schedules plan' would change what Terraform made: %+v", plan)
	}
}

// work enqueues a job and works it.
func work(t *testing.T, client *sqsqueue.Client, r *tasks.Registry, worked <-chan string) {
	t.Helper()
	task, err := r.Task("mail.send")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := task.DelayJSON(t.Context(), client, []byte(`"somebody"`)); err != nil {
		t.Fatal(err)
	}
	worker, err := sqsqueue.NewWorker(client, r, sqsqueue.WorkerConfig{ShutdownTimeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- worker.Run(ctx) }()
	select {
	case to := <-worked:
		if to != "somebody" {
			t.Errorf("the worker got %q", to)
		}
	case <-time.After(time.Minute):
		t.Error("the job was not worked within a minute")
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func onLocalStack(cfg aws.Config, prefix string) map[string]func(context.Context) ([]string, error) {
	return map[string]func(context.Context) ([]string, error){
		"queue": queuesOf(cfg, prefix),
		"alarm": func(ctx context.Context) (names []string, err error) {
			out, err := cloudwatch.NewFromConfig(cfg).DescribeAlarms(ctx, &cloudwatch.DescribeAlarmsInput{AlarmNamePrefix: &prefix})
			if err != nil {
				return nil, err
			}
			for _, a := range out.MetricAlarms {
				names = append(names, *a.AlarmName)
			}
			return names, nil
		},
		"schedule group": func(ctx context.Context) (names []string, err error) {
			out, err := scheduler.NewFromConfig(cfg).ListScheduleGroups(ctx, &scheduler.ListScheduleGroupsInput{NamePrefix: &prefix})
			if err != nil {
				return nil, err
			}
			for _, g := range out.ScheduleGroups {
				names = append(names, *g.Name)
			}
			return names, nil
		},
		"role": rolesOf(cfg),
		"policy": func(ctx context.Context) (names []string, err error) {
			out, err := iam.NewFromConfig(cfg).ListPolicies(ctx, &iam.ListPoliciesInput{Scope: types.PolicyScopeTypeLocal})
			if err != nil {
				return nil, err
			}
			for _, p := range out.Policies {
				names = append(names, *p.PolicyName)
			}
			return names, nil
		},
	}
}

func queuesOf(cfg aws.Config, prefix string) func(context.Context) ([]string, error) {
	return func(ctx context.Context) ([]string, error) {
		out, err := sqs.NewFromConfig(cfg).ListQueues(ctx, &sqs.ListQueuesInput{QueueNamePrefix: &prefix})
		if err != nil {
			return nil, err
		}
		return out.QueueUrls, nil
	}
}

func rolesOf(cfg aws.Config) func(context.Context) ([]string, error) {
	return func(ctx context.Context) (names []string, err error) {
		out, err := iam.NewFromConfig(cfg).ListRoles(ctx, &iam.ListRolesInput{})
		if err != nil {
			return nil, err
		}
		for _, r := range out.Roles {
			names = append(names, *r.RoleName)
		}
		return names, nil
	}
}
