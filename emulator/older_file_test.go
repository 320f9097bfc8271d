package emulator

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	schedulertypes "github.com/aws/aws-sdk-go-v2/service/scheduler/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// Blanks that earlier versions took in an expression keep no file from opening.
func TestExpressionsWithBlanksAreKept(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state.db")
	e := openFile(t, path)
	in := &scheduler.CreateScheduleInput{
		Name: aws.String("tick"), ScheduleExpression: aws.String("rate(10 minutes)"), State: schedulertypes.ScheduleStateDisabled,
		FlexibleTimeWindow: &schedulertypes.FlexibleTimeWindow{Mode: schedulertypes.FlexibleTimeWindowModeOff},
		Target: &schedulertypes.Target{
			Arn: aws.String("arn:aws:sqs:us-east-1:000000000000:jobs"), RoleArn: aws.String("arn:aws:iam::000000000000:role/r"),
		},
	}
	if _, err := e.Scheduler().CreateSchedule(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	for stored, want := range map[string]string{
		"rate( 10 \tminutes )": "rate(10 minutes)",
		"cron( 0 0\t* * ? * )": "cron(0 0 * * ? *)",
	} {
		if !edit(t, path, "UPDATE schedules SET definition = json_set(definition, '$.definition.ScheduleExpression', ?)", []any{stored}) {
			t.Fatal("the row was not changed")
		}
		for range 2 { // the row stays as it is
			e := openFile(t, path)
			got, err := e.Scheduler().GetSchedule(t.Context(), &scheduler.GetScheduleInput{Name: in.Name})
			if err != nil || *got.ScheduleExpression != want {
				t.Errorf("%q: %v, %v, want %s", stored, got, err, want)
			}
			if err := e.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// older is a state file as an earlier version left it, with messages that are young enough to be there still.
func older(t *testing.T, changes ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "state.db")
	text, err := os.ReadFile("testdata/state-v2.sql")
	if err != nil {
		t.Fatal(err)
	}
	for _, statement := range append([]string{string(text)}, changes...) {
		if !edit(t, path, statement, nil) {
			t.Fatalf("SQLite refuses %.60s", statement)
		}
	}
	now := time.Now().UnixMilli()
	if !edit(t, path, "UPDATE messages SET sent_at = ?, visible_at = max(?, visible_at - sent_at + ?)", []any{now, now, now}) {
		t.Fatal("the messages keep their age")
	}
	return path
}

// What is in a file of before there were regions belongs to the one that it was opened with, and all of it is there.
func TestOlderFiles(t *testing.T) {
	t.Parallel()
	const noSchedules = "DROP TABLE schedules; DROP TABLE schedule_groups; PRAGMA user_version=1;"
	for name, test := range map[string]struct {
		path      string
		schedules int
	}{
		"version 2": {older(t), 2},
		"version 1": {older(t, noSchedules), 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for range 2 { // as it was, and as it is then
				e := openFile(t, test.path)
				checkOlderQueues(t, e)
				checkOlderSchedules(t, e, test.schedules)
				if err := e.Close(); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

func checkOlderQueues(t *testing.T, e *Emulator) {
	t.Helper()
	c, ctx := e.SQS(), t.Context()
	list, err := c.ListQueues(ctx, nil)
	want := []string{"http://127.0.0.1:4560/000000000000/jobs", "http://127.0.0.1:4560/000000000000/jobs-dlq"}
	if err != nil || !slices.Equal(list.QueueUrls, want) || !slices.Equal(e.Regions(), []string{"us-east-1"}) {
		t.Errorf("queues %v, %v, regions %v", list, err, e.Regions())
	}
	attrs, err := c.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: &want[0], AttributeNames: []types.QueueAttributeName{"All"}})
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"QueueArn": e.arnOf("jobs"), "MessageRetentionPeriod": "1209600", "ApproximateNumberOfMessagesDelayed": "1",
		"RedrivePolicy":                         `{"deadLetterTargetArn":"` + e.arnOf("jobs-dlq") + `","maxReceiveCount":"1"}`,
		"ApproximateNumberOfMessagesNotVisible": "1",
	} {
		if attrs.Attributes[name] != value {
			t.Errorf("%s is %q, want %q", name, attrs.Attributes[name], value)
		}
	}
	sources, err := c.ListDeadLetterSourceQueues(ctx, &sqs.ListDeadLetterSourceQueuesInput{QueueUrl: &want[1]})
	if err != nil || !slices.Equal(sources.QueueUrls, want[:1]) {
		t.Errorf("sources %v, %v", sources, err)
	}
	tags, err := c.ListQueueTags(ctx, &sqs.ListQueueTagsInput{QueueUrl: &want[0]})
	if err != nil || tags.Tags["team"] != "core" {
		t.Errorf("tags %v, %v", tags, err)
	}
	held := e.bodies()
	for _, body := range []string{"waiting", "in flight", "delayed", "dead 0", "dead 1", "dead 2"} {
		if held[body] != 1 {
			t.Errorf("%q is there %d times", body, held[body])
		}
	}
	moves, err := c.ListMessageMoveTasks(ctx, &sqs.ListMessageMoveTasksInput{SourceArn: aws.String(e.arnOf("jobs-dlq"))})
	if err != nil || len(moves.Results) != 1 || moves.Results[0].ApproximateNumberOfMessagesMoved < 1 {
		t.Errorf("move tasks %+v, %v", moves, err)
	}
}

func checkOlderSchedules(t *testing.T, e *Emulator, n int) {
	t.Helper()
	s, ctx := e.Scheduler(), t.Context()
	list, err := s.ListSchedules(ctx, nil)
	if err != nil || len(list.Schedules) != n {
		t.Fatalf("schedules %v, %v", list, err)
	}
	elsewhere, err := s.In("eu-west-1").ListSchedules(ctx, nil)
	if err != nil || len(elsewhere.Schedules) != 0 {
		t.Errorf("schedules elsewhere %v, %v", elsewhere, err)
	}
	if n == 0 {
		return
	}
	one, err := s.GetSchedule(ctx, &scheduler.GetScheduleInput{Name: aws.String("templated"), GroupName: aws.String("app")})
	if err != nil || *one.Arn != "arn:aws:scheduler:us-east-1:000000000000:schedule/app/templated" ||
		*one.ScheduleExpression != "cron(0 0 1 1 ? 2199)" || *one.Target.DeadLetterConfig.Arn != e.arnOf("jobs-dlq") {
		t.Errorf("%+v, %v", one, err)
	}
	for group, value := range map[string]string{"app": "v", "default": "default"} {
		tags, err := s.ListTagsForResource(ctx, &scheduler.ListTagsForResourceInput{
			ResourceArn: aws.String("arn:aws:scheduler:us-east-1:000000000000:schedule-group/" + group),
		})
		if err != nil || len(tags.Tags) != 1 || *tags.Tags[0].Value != value {
			t.Errorf("tags of %s: %v, %v", group, tags, err)
		}
	}
}

// A universal target's URL has no region in an older file, and goes on naming the queue of the schedule's own.
func TestOlderSchedulesFire(t *testing.T) {
	t.Parallel()
	path := older(t, `UPDATE schedules SET definition = json_set(definition, '$.definition.ScheduleExpression', 'rate( 1 hour )')`)
	e := openFile(t, path)
	e.EndWaits()
	if _, err := e.fireDue(); err != nil {
		t.Fatal(err)
	}
	e.mu.Lock()
	for _, g := range e.timetable.groupsIn(defaultRegion) {
		for _, s := range g.schedules {
			s.progress.UpTo = time.Now().Add(-2 * time.Hour)
			e.timetable.place(s)
		}
	}
	e.mu.Unlock()
	if _, err := e.fireDue(); err != nil {
		t.Fatal(err)
	}
	for _, body := range []string{"tick", "universal"} {
		if e.bodies()[body] == 0 {
			t.Errorf("%q was not sent: %v", body, e.bodies())
		}
	}
}

// A file of another region than the default is of that region still.
func TestOlderFileOfAnotherRegion(t *testing.T) {
	t.Parallel()
	path := older(t)
	e, err := Open(Config{Path: path, Region: "eu-west-1"})
	if err != nil {
		t.Fatal(err)
	}
	url, err := e.SQS().GetQueueUrl(t.Context(), &sqs.GetQueueUrlInput{QueueName: aws.String("jobs")})
	if err != nil || *url.QueueUrl != "http://127.0.0.1:4560/queue/eu-west-1/000000000000/jobs" {
		t.Errorf("%v, %v", url, err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	if got := openFile(t, path).Regions(); !slices.Equal(got, []string{"eu-west-1"}) { // with another default
		t.Errorf("regions %v", got)
	}
}

// A damaged older file is refused as a damaged one of today is.
func TestDamagedOlderFile(t *testing.T) {
	t.Parallel()
	for _, change := range []string{
		"UPDATE queues SET definition = '{'", "UPDATE schedules SET definition = 'x'", "UPDATE schedule_groups SET definition = '[1'",
		"ALTER TABLE queues DROP COLUMN definition", "DROP TABLE schedule_groups",
	} {
		path := older(t, change)
		for range 2 { // and is not changed by that
			e, err := Open(Config{Path: path})
			if !errors.Is(err, ErrCorrupt) {
				t.Errorf("%s: %v", change, err)
			}
			if err == nil {
				_ = e.Close()
			}
		}
	}
}
