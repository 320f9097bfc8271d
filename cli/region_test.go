package cli_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	schedulertypes "github.com/aws/aws-sdk-go-v2/service/scheduler/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/coretasks/core/internal/mainjob"
)

// inRegion are AWS's clients of a region, of the endpoint that a world has.
func inRegion(w *mainjob.World, region string) (*sqs.Client, *scheduler.Client) {
	api, _ := w.API()
	cfg := aws.Config{
		Region: region, BaseEndpoint: api.Options().BaseEndpoint, Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
	}
	return sqs.NewFromConfig(cfg), scheduler.NewFromConfig(cfg)
}

// A client of any region has queues, a redrive policy by ARN, a schedule and a move task on core local.
func TestLocalServesAnyRegion(t *testing.T) {
	t.Parallel()
	w := mainjob.New(t)
	w.Start(t, "use it", "local")
	c, s := inRegion(w, "eu-west-1")
	ctx := t.Context()
	const arn = "arn:aws:sqs:eu-west-1:000000000000:"
	newQueue := func(name string, attrs map[string]string) string {
		t.Helper()
		out, err := c.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: &name, Attributes: attrs})
		if err != nil {
			t.Fatal(err)
		}
		return *out.QueueUrl
	}
	receive := func(url, want string) {
		t.Helper()
		out, err := c.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: &url, WaitTimeSeconds: 20})
		if err != nil || len(out.Messages) != 1 || *out.Messages[0].Body != want {
			t.Fatalf("received %v, %v, want %s", out, err, want)
		}
	}
	newQueue("jobs-dlq", nil)
	url := newQueue("jobs", map[string]string{
		"VisibilityTimeout": "0", "RedrivePolicy": `{"deadLetterTargetArn":"` + arn + `jobs-dlq","maxReceiveCount":1}`,
	})
	_, err := s.CreateSchedule(ctx, &scheduler.CreateScheduleInput{
		Name: aws.String("tick"), ScheduleExpression: aws.String("rate(1 day)"),
		FlexibleTimeWindow: &schedulertypes.FlexibleTimeWindow{Mode: schedulertypes.FlexibleTimeWindowModeOff},
		Target:             &schedulertypes.Target{Arn: aws.String(arn + "jobs"), RoleArn: aws.String("arn:aws:iam::000000000000:role/r"), Input: aws.String("tick")},
	})
	if err != nil {
		t.Fatal(err)
	}
	receive(url, "tick")
	empty, err := c.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: &url}) // moves it
	if err != nil || len(empty.Messages) != 0 {
		t.Fatalf("%v, %v", empty, err)
	}
	if _, err := c.StartMessageMoveTask(ctx, &sqs.StartMessageMoveTaskInput{SourceArn: aws.String(arn + "jobs-dlq")}); err != nil {
		t.Fatal(err)
	}
	receive(url, "tick")
}

// The commands work in the environment's region, where other programs of the environment look.
func TestDevWorksInTheRegionOfItsEnvironment(t *testing.T) {
	t.Parallel()
	for _, variable := range []string{"AWS_REGION", "AWS_DEFAULT_REGION"} {
		for _, args := range [][]string{{"dev"}, {"dev", "--lambda"}} {
			t.Run(variable+" "+strings.Join(args, " "), func(t *testing.T) {
				t.Parallel()
				w := mainjob.New(t)
				plain := w.Env
				w.Env = append(w.Env, variable+"=eu-west-1", "CORE_TEST_TICK=1")
				dev := w.Start(t, "Stop with Ctrl-C", args...)
				if text := dev.Text(); !strings.Contains(text, "SQS and EventBridge Scheduler, queues of eu-west-1") || strings.Contains(text, "any AWS client") {
					t.Errorf("dev says\n%s", text)
				}
				w.Must(t, "enqueue", "note", `{"text":"hi"}`)
				mainjob.Await(t, "the job has ended", func() bool { return w.Count(t, "end") >= 1 })
				here, schedules := inRegion(w, "eu-west-1")
				out, err := here.GetQueueUrl(t.Context(), &sqs.GetQueueUrlInput{QueueName: aws.String("default")})
				if err != nil || !strings.HasSuffix(*out.QueueUrl, "/queue/eu-west-1/000000000000/default") {
					t.Errorf("%v, %v", out, err)
				}
				list, err := schedules.ListSchedules(t.Context(), nil)
				if err != nil || len(list.Schedules) == 0 {
					t.Errorf("schedules %v, %v", list, err)
				}
				there, _ := inRegion(w, "us-east-1")
				_, err = there.GetQueueUrl(t.Context(), &sqs.GetQueueUrlInput{QueueName: aws.String("default")})
				if gone := new(types.QueueDoesNotExist); !errors.As(err, &gone) {
					t.Errorf("in another region: %v", err)
				}
				if code, _ := dev.Terminate(t); code != 0 {
					t.Errorf("dev ended with %d", code)
				}
				w.Env = plain
				again := w.Start(t, "Stop with Ctrl-C", "dev")
				if !strings.Contains(again.Text(), "It has queues of eu-west-1 too, which AWS_REGION=eu-west-1 shows.") {
					t.Errorf("dev says nothing of the queues in another region:\n%s", again.Text())
				}
			})
		}
	}
}

func TestLocalRegionIsChecked(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"dev"}, {"queues", "list", "--local"}, {"enqueue", "--local", "note"}} {
		w := mainjob.New(t)
		w.Env = append(w.Env, "AWS_REGION=EU West")
		code, _, stderr := w.Run(t, "", args...)
		if code != 2 || !strings.Contains(stderr, `the region "EU West" is invalid: set AWS_REGION to one such as eu-west-1`) {
			t.Errorf("%v: exit code %d, %s", args, code, stderr)
		}
	}
}

// What core local prints sends only to it what it serves: a program's requests to other services go on to where they went.
func TestLocalSaysWhatItServes(t *testing.T) {
	t.Parallel()
	w := mainjob.New(t)
	text := w.Start(t, "use it", "local").Text()
	api, _ := w.API()
	address := *api.Options().BaseEndpoint
	for _, want := range []string{
		"serving SQS and EventBridge Scheduler on " + address, "AWS_ENDPOINT_URL_SQS=" + address, "AWS_ENDPOINT_URL_SCHEDULER=" + address,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
	for _, bad := range []string{"AWS_ENDPOINT_URL=", "any AWS client"} {
		if strings.Contains(text, bad) {
			t.Errorf("%s in\n%s", bad, text)
		}
	}
}
