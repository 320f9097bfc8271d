package emulator_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	schedulertypes "github.com/aws/aws-sdk-go-v2/service/scheduler/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/coretasks/core/emulator"
)

// clientsOf are AWS's own clients of a region.
func clientsOf(srv *httptest.Server, region string) (*sqs.Client, *scheduler.Client) {
	cfg := aws.Config{
		Region: region, BaseEndpoint: &srv.URL, HTTPClient: srv.Client(), RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
	}
	return sqs.NewFromConfig(cfg), scheduler.NewFromConfig(cfg)
}

func serveRegions(t *testing.T, cfg emulator.Config) *httptest.Server {
	t.Helper()
	srv := httptest.NewServer(open(t, cfg).Handler())
	t.Cleanup(srv.Close)
	return srv
}

func queueARN(t *testing.T, c api, url string) string {
	t.Helper()
	out, err := c.GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{
		QueueUrl: &url, AttributeNames: []types.QueueAttributeName{"QueueArn"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return out.Attributes["QueueArn"]
}

// A client of a region has everything there, and meets nothing of another region.
func TestEachRegionHasItsOwn(t *testing.T) {
	t.Parallel()
	srv := serveRegions(t, emulator.Config{})
	for region, arn := range map[string]string{
		"us-east-1":     "arn:aws:sqs:us-east-1:000000000000:",
		"eu-west-1":     "arn:aws:sqs:eu-west-1:000000000000:",
		"cn-north-1":    "arn:aws-cn:sqs:cn-north-1:000000000000:",
		"us-gov-west-1": "arn:aws-us-gov:sqs:us-gov-west-1:000000000000:",
	} {
		t.Run(region, func(t *testing.T) {
			t.Parallel()
			c, s := clientsOf(srv, region)
			ctx := t.Context()
			path := "/000000000000/"
			if region != "us-east-1" {
				path = "/queue/" + region + path
			}
			dead := create(t, c, "jobs-dlq", nil)
			if got := queueARN(t, c, dead); got != arn+"jobs-dlq" || dead != srv.URL+path+"jobs-dlq" {
				t.Errorf("the queue is %s at %s", got, dead)
			}
			url := create(t, c, "jobs", map[string]string{
				"VisibilityTimeout": "0", "RedrivePolicy": `{"deadLetterTargetArn":"` + arn + `jobs-dlq","maxReceiveCount":1}`,
			})
			send(t, c, url, region)
			receive(t, c, url)
			if got := receive(t, c, url); len(got) != 0 {
				t.Errorf("received %v, want it in the dead-letter queue", got)
			}
			if n := count(t, c, dead, ""); n != 1 {
				t.Fatalf("%d dead letters", n)
			}
			if _, err := c.StartMessageMoveTask(ctx, &sqs.StartMessageMoveTaskInput{SourceArn: aws.String(arn + "jobs-dlq")}); err != nil {
				t.Fatal(err)
			}
			back := wait(t, c, url)
			if *back.Body != region {
				t.Errorf("received %s", *back.Body)
			}
			remove(t, c, url, back)
			list, err := c.ListQueues(ctx, nil)
			if err != nil || !slices.Equal(list.QueueUrls, []string{url, dead}) {
				t.Errorf("queues %v, %v", list, err)
			}

			group, err := s.CreateScheduleGroup(ctx, &scheduler.CreateScheduleGroupInput{Name: aws.String("app")})
			if err != nil || *group.ScheduleGroupArn != strings.Replace(arn, ":sqs:", ":scheduler:", 1)+"schedule-group/app" {
				t.Fatalf("%v, %v", group, err)
			}
			if _, err := s.TagResource(ctx, &scheduler.TagResourceInput{ResourceArn: group.ScheduleGroupArn, Tags: []schedulertypes.Tag{
				{Key: aws.String("region"), Value: &region},
			}}); err != nil {
				t.Error(err)
			}
			in := plan("rate(1 hour)", func(in *scheduler.CreateScheduleInput) {
				in.GroupName, in.Target.Arn, in.Target.Input = aws.String("app"), aws.String(arn+"jobs"), aws.String("<aws.scheduler.schedule-arn>")
			})
			made, err := s.CreateSchedule(ctx, in)
			if err != nil || *made.ScheduleArn != strings.Replace(arn, ":sqs:", ":scheduler:", 1)+"schedule/app/"+*in.Name {
				t.Fatalf("%v, %v", made, err)
			}
			if fired := wait(t, c, url); *fired.Body != *made.ScheduleArn {
				t.Errorf("fired %s", *fired.Body)
			}
			schedules, err := s.ListSchedules(ctx, nil)
			if err != nil || len(schedules.Schedules) != 1 || *schedules.Schedules[0].Arn != *made.ScheduleArn {
				t.Errorf("schedules %+v, %v", schedules, err)
			}
			groups, err := s.ListScheduleGroups(ctx, nil)
			if err != nil || len(groups.ScheduleGroups) != 2 {
				t.Errorf("groups %+v, %v", groups, err)
			}
		})
	}
}

// wait receives one message.
func wait(t *testing.T, c api, url string) types.Message {
	t.Helper()
	out, err := c.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &url, WaitTimeSeconds: 20, VisibilityTimeout: 60})
	if err != nil || len(out.Messages) != 1 {
		t.Fatalf("%v, %v", out, err)
	}
	return out.Messages[0]
}

// What another region has does not exist: not by its URL, not by its ARN, and not for what fires.
func TestOtherRegionsAreApart(t *testing.T) {
	t.Parallel()
	srv := serveRegions(t, emulator.Config{})
	here, scheduleHere := clientsOf(srv, "eu-west-1")
	there, scheduleThere := clientsOf(srv, "us-east-1")
	ctx := t.Context()
	hereURL, dead := create(t, here, "only-here", nil), create(t, here, "dead", nil)
	create(t, there, "only-there", nil)
	create(t, there, "dead", nil)
	create(t, here, "source", map[string]string{"RedrivePolicy": `{"deadLetterTargetArn":"` + queueARN(t, here, dead) + `","maxReceiveCount":1}`})
	both := create(t, here, "both", nil)
	bothThere := create(t, there, "both", nil)
	send(t, here, both, "here")

	notThere := func(what string, err error) {
		t.Helper()
		if gone := new(types.QueueDoesNotExist); !errors.As(err, &gone) {
			t.Errorf("%s: %v, want QueueDoesNotExist", what, err)
		}
	}
	for what, url := range map[string]string{
		"the URL of a queue of another region":              hereURL,
		"the same where there is a queue of that name":      both,
		"a name of another region":                          "only-here",
		"a URL without a region, of a queue of another one": srv.URL + "/000000000000/only-here",
		"a URL of a region that has no queues":              srv.URL + "/queue/ap-south-1/000000000000/both",
		"the URL of another account":                        srv.URL + "/queue/us-east-1/111111111111/both",
	} {
		_, err := there.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: &url, MessageBody: aws.String("x")})
		notThere(what, err)
	}
	_, err := there.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: aws.String("only-here")})
	notThere("GetQueueUrl", err)
	if n := count(t, there, bothThere, ""); n != 0 {
		t.Errorf("%d messages of another region", n)
	}
	for _, url := range []string{bothThere, "both", srv.URL + "/queue/us-east-1/000000000000/both", "http://elsewhere/000000000000/both"} {
		if got := queueARN(t, there, url); got != "arn:aws:sqs:us-east-1:000000000000:both" {
			t.Errorf("%s is %s", url, got)
		}
	}
	for _, url := range []string{both, "both", srv.URL + "/000000000000/both"} {
		if got := queueARN(t, here, url); got != "arn:aws:sqs:eu-west-1:000000000000:both" {
			t.Errorf("%s is %s", url, got)
		}
	}

	_, err = there.SetQueueAttributes(ctx, &sqs.SetQueueAttributesInput{QueueUrl: &bothThere, Attributes: map[string]string{
		"RedrivePolicy": `{"deadLetterTargetArn":"arn:aws:sqs:eu-west-1:000000000000:dead","maxReceiveCount":1}`,
	}})
	if err == nil || !strings.Contains(err.Error(), "Dead letter target does not exist.") {
		t.Errorf("a redrive policy into another region: %v", err)
	}
	for _, source := range []string{"arn:aws:sqs:eu-west-1:000000000000:dead", "arn:aws-cn:sqs:us-east-1:000000000000:dead"} {
		_, err = there.StartMessageMoveTask(ctx, &sqs.StartMessageMoveTaskInput{SourceArn: &source})
		if gone := new(types.ResourceNotFoundException); !errors.As(err, &gone) {
			t.Errorf("a move task of %s: %v", source, err)
		}
		_, err = there.ListMessageMoveTasks(ctx, &sqs.ListMessageMoveTasksInput{SourceArn: &source})
		if gone := new(types.ResourceNotFoundException); !errors.As(err, &gone) {
			t.Errorf("the move tasks of %s: %v", source, err)
		}
	}
	move, err := here.StartMessageMoveTask(ctx, &sqs.StartMessageMoveTaskInput{
		SourceArn: aws.String(queueARN(t, here, dead)), DestinationArn: aws.String("arn:aws:sqs:us-east-1:000000000000:both"),
	})
	if gone := new(types.ResourceNotFoundException); !errors.As(err, &gone) {
		t.Errorf("a move task into another region: %v, %v", move, err)
	}
	move, err = here.StartMessageMoveTask(ctx, &sqs.StartMessageMoveTaskInput{SourceArn: aws.String(queueARN(t, here, dead))})
	if err != nil {
		t.Fatal(err)
	}
	_, err = there.CancelMessageMoveTask(ctx, &sqs.CancelMessageMoveTaskInput{TaskHandle: move.TaskHandle})
	if gone := new(types.ResourceNotFoundException); !errors.As(err, &gone) {
		t.Errorf("cancelling another region's move task: %v", err)
	}

	group, err := scheduleHere.CreateScheduleGroup(ctx, &scheduler.CreateScheduleGroupInput{Name: aws.String("app")})
	if err != nil {
		t.Fatal(err)
	}
	in := plan("rate(1 hour)", func(in *scheduler.CreateScheduleInput) { in.State = schedulertypes.ScheduleStateDisabled })
	if _, err := scheduleHere.CreateSchedule(ctx, in); err != nil {
		t.Fatal(err)
	}
	for what, call := range map[string]func() error{
		"GetSchedule": func() error {
			_, err := scheduleThere.GetSchedule(ctx, &scheduler.GetScheduleInput{Name: in.Name})
			return err
		},
		"DeleteSchedule": func() error {
			_, err := scheduleThere.DeleteSchedule(ctx, &scheduler.DeleteScheduleInput{Name: in.Name})
			return err
		},
		"GetScheduleGroup": func() error {
			_, err := scheduleThere.GetScheduleGroup(ctx, &scheduler.GetScheduleGroupInput{Name: aws.String("app")})
			return err
		},
		"ListTagsForResource": func() error {
			_, err := scheduleThere.ListTagsForResource(ctx, &scheduler.ListTagsForResourceInput{ResourceArn: group.ScheduleGroupArn})
			return err
		},
		"ListSchedules": func() error {
			_, err := scheduleThere.ListSchedules(ctx, &scheduler.ListSchedulesInput{GroupName: aws.String("app")})
			return err
		},
	} {
		if gone := new(schedulertypes.ResourceNotFoundException); !errors.As(call(), &gone) {
			t.Errorf("%s of another region: %v", what, call())
		}
	}
}

// A schedule fires into queues of its own region, whatever form its target has.
func TestSchedulesFireInTheirRegion(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		arn, input string
		fires      bool
	}{
		"a queue":                   {"arn:aws:sqs:eu-west-1:000000000000:jobs", "x", true},
		"a queue of another region": {"arn:aws:sqs:us-east-1:000000000000:jobs", "x", false},
		"a URL":                     {"arn:aws:scheduler:::aws-sdk:sqs:sendMessage", `{"QueueUrl":"http://h/queue/eu-west-1/000000000000/jobs","MessageBody":"x"}`, true},
		"a URL without a region":    {"arn:aws:scheduler:::aws-sdk:sqs:sendMessage", `{"QueueUrl":"http://h/000000000000/jobs","MessageBody":"x"}`, true},
		"a name":                    {"arn:aws:scheduler:::aws-sdk:sqs:sendMessageBatch", `{"QueueUrl":"jobs","Entries":[{"Id":"1","MessageBody":"x"}]}`, true},
		"another region's URL":      {"arn:aws:scheduler:::aws-sdk:sqs:sendMessage", `{"QueueUrl":"http://h/queue/us-east-1/000000000000/jobs","MessageBody":"x"}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				e := open(t, emulator.Config{})
				c := e.SQS().In("eu-west-1")
				url, dead := create(t, c, "jobs", nil), create(t, c, "dead", nil)
				other := create(t, e.SQS(), "jobs", nil)
				in := plan("rate(1 hour)", func(in *scheduler.CreateScheduleInput) {
					in.Target.Arn, in.Target.Input = &test.arn, &test.input
					in.Target.RetryPolicy = &schedulertypes.RetryPolicy{MaximumRetryAttempts: aws.Int32(0)}
					in.Target.DeadLetterConfig = &schedulertypes.DeadLetterConfig{Arn: aws.String("arn:aws:sqs:eu-west-1:000000000000:dead")}
				})
				if _, err := e.Scheduler().In("eu-west-1").CreateSchedule(t.Context(), in); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Second)
				synctest.Wait()
				fired, died := len(receive(t, c, url)), len(receive(t, c, dead))
				if test.fires != (fired == 1) || test.fires == (died == 1) || len(receive(t, e.SQS(), other)) != 0 {
					t.Errorf("%d messages and %d dead letters", fired, died)
				}
			})
		})
	}
}

// Requests that are not signed are of the configured region, but for a URL that names one. A region that none can be is refused.
func TestUnsignedRequests(t *testing.T) {
	t.Parallel()
	e := open(t, emulator.Config{Region: "ap-south-1"})
	h := e.Handler()
	create(t, e.SQS().In("eu-west-1"), "jobs", nil)
	for _, test := range []struct{ operation, body, want string }{
		{"CreateQueue", `{"QueueName":"q"}`, `{"QueueUrl":"http://127.0.0.1:4560/queue/ap-south-1/000000000000/q"}`},
		{"ListQueues", `{}`, `{"QueueUrls":["http://127.0.0.1:4560/queue/ap-south-1/000000000000/q"]}`},
		{"GetQueueAttributes", `{"QueueUrl":"http://h/000000000000/q","AttributeNames":["QueueArn"]}`,
			`{"Attributes":{"QueueArn":"arn:aws:sqs:ap-south-1:000000000000:q"}}`},
		{"GetQueueAttributes", `{"QueueUrl":"http://h/queue/eu-west-1/000000000000/jobs","AttributeNames":["QueueArn"]}`,
			`{"Attributes":{"QueueArn":"arn:aws:sqs:eu-west-1:000000000000:jobs"}}`},
	} {
		if w := post(h, test.operation, test.body, nil); w.Body.String() != test.want {
			t.Errorf("%s %s: %s, want %s", test.operation, test.body, w.Body, test.want)
		}
	}
	for name, answer := range map[string]*httptest.ResponseRecorder{
		"SQS":       post(h, "ListQueues", `{}`, badRegion),
		"Scheduler": rest(h, http.MethodGet, "/schedules", "", badRegion),
	} {
		if answer.Code != http.StatusForbidden || !strings.Contains(answer.Body.String(), "Credential should be scoped to a valid region, not 'EU_WEST'.") {
			t.Errorf("%s: %d %s", name, answer.Code, answer.Body)
		}
	}
	if _, err := emulator.Open(emulator.Config{Region: "eu west"}); err == nil || !strings.Contains(err.Error(), `"eu west" is no region`) {
		t.Errorf("a region with a blank: %v", err)
	}
}

func badRegion(r *http.Request) {
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=K/20261127/EU_WEST/sqs/aws4_request, SignedHeaders=host, Signature=0")
}

// In process a region is said with In. Nothing is made in what is no region.
func TestInARegion(t *testing.T) {
	t.Parallel()
	e := open(t, emulator.Config{BaseURL: "http://queues:1"})
	c := e.SQS().In("eu-west-1")
	if url := create(t, c, "q", nil); url != "http://queues:1/queue/eu-west-1/000000000000/q" {
		t.Error(url)
	}
	if url := create(t, c.In("us-east-1"), "q", nil); url != "http://queues:1/000000000000/q" {
		t.Error(url)
	}
	create(t, e.SQS().In("ap-south-1"), "other", nil)
	if got := e.Regions(); !slices.Equal(got, []string{"ap-south-1", "eu-west-1", "us-east-1"}) {
		t.Errorf("regions %v", got)
	}
	if ages, err := c.OldestMessages(t.Context(), []string{"q", "other"}); err != nil || len(ages) != 1 {
		t.Errorf("%v, %v", ages, err)
	}
	bad, ctx := e.SQS().In("no region"), context.Background()
	if _, err := bad.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: aws.String("q")}); err == nil || !strings.Contains(err.Error(), `"no region"`) {
		t.Error(err)
	}
	s := e.Scheduler().In("")
	if _, err := s.CreateSchedule(ctx, plan("rate(1 hour)", nil)); err == nil {
		t.Error("a schedule was made in no region")
	}
	if _, err := s.CreateScheduleGroup(ctx, &scheduler.CreateScheduleGroupInput{Name: aws.String("g")}); err == nil {
		t.Error("a group was made in no region")
	}
}

// The file keeps regions apart, whatever the region of who opens it.
func TestReopeningKeepsRegions(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state.db")
	for i, region := range []string{"us-east-1", "eu-west-1", "ap-south-1"} {
		e, err := emulator.Open(emulator.Config{Path: path, Region: region})
		if err != nil {
			t.Fatal(err)
		}
		url := create(t, e.SQS(), "q", nil)
		send(t, e.SQS(), url, region)
		if _, err := e.Scheduler().CreateScheduleGroup(t.Context(), &scheduler.CreateScheduleGroupInput{Name: aws.String("app")}); err != nil {
			t.Error(err)
		}
		in := plan("cron(0 0 1 1 ? 2199)", func(in *scheduler.CreateScheduleInput) { in.GroupName = aws.String("app") })
		if _, err := e.Scheduler().CreateSchedule(t.Context(), in); err != nil {
			t.Error(err)
		}
		if n := len(e.Regions()); n != i+1 {
			t.Errorf("%d regions", n)
		}
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
	}
	e := open(t, emulator.Config{Path: path})
	for _, region := range e.Regions() {
		c, s := e.SQS().In(region), e.Scheduler().In(region)
		if got := receive(t, c, "q"); len(got) != 1 || *got[0].Body != region {
			t.Errorf("%s: %v", region, got)
		}
		list, err := s.ListSchedules(t.Context(), &scheduler.ListSchedulesInput{GroupName: aws.String("app")})
		if err != nil || len(list.Schedules) != 1 || !strings.HasPrefix(*list.Schedules[0].Arn, fmt.Sprintf("arn:aws:scheduler:%s:", region)) {
			t.Errorf("%s: %v, %v", region, list, err)
		}
		if _, err := s.DeleteScheduleGroup(t.Context(), &scheduler.DeleteScheduleGroupInput{Name: aws.String("app")}); err != nil {
			t.Errorf("%s: %v", region, err)
		}
	}
}
