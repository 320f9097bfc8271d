package awsclient_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/coretasks/core/results/dynamostore"
	"github.com/coretasks/core/schedules"
	"github.com/coretasks/core/sqsqueue"
)

// slowWriter is an HTTP client that has the header of an answer before it has read the whole request, as happens over a
// real connection.
type slowWriter struct {
	answer string

	body string
	err  error
}

func (s *slowWriter) Do(r *http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: http.StatusOK,
		Header:     http.Header{"Content-Type": {"application/x-amz-json-1.0"}},
		Body:       &lateAnswer{client: s, request: r, answer: strings.NewReader(s.answer)},
		Request:    r,
	}, nil
}

type lateAnswer struct {
	client  *slowWriter
	request *http.Request
	answer  io.Reader
	read    bool
}

func (l *lateAnswer) Read(p []byte) (int, error) {
	if !l.read {
		l.read = true
		sent, err := io.ReadAll(l.request.Body)
		l.client.body, l.client.err = string(sent), err
	}
	return l.answer.Read(p)
}

func (*lateAnswer) Close() error { return nil }

// TestARequestsBodyOutlivesTheAnswersHeader with each client that the project makes.
func TestARequestsBodyOutlivesTheAnswersHeader(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		answer, want string
		call         func(context.Context, aws.Config) error
	}{
		"SQS": {`{"QueueUrl":"https://sqs.test/1/default"}`, `{"QueueName":"default"}`, func(ctx context.Context, cfg aws.Config) error {
			_, err := sqsqueue.NewAPI(cfg).GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: aws.String("default")})
			return err
		}},
		"DynamoDB": {`{}`, `{"TableName":"jobs"}`, func(ctx context.Context, cfg aws.Config) error {
			_, err := dynamostore.NewAPI(cfg).DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: aws.String("jobs")})
			return err
		}},
		"EventBridge Scheduler": {`{}`, `{"ClientToken":"once"}`, func(ctx context.Context, cfg aws.Config) error {
			_, err := schedules.NewAPI(cfg).CreateScheduleGroup(ctx, &scheduler.CreateScheduleGroupInput{Name: aws.String("core"), ClientToken: aws.String("once")})
			return err
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := &slowWriter{answer: tc.answer}
			cfg := aws.Config{
				Region: "eu-central-1", HTTPClient: client,
				Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
			}
			if err := tc.call(t.Context(), cfg); err != nil {
				t.Fatal(err)
			}
			if client.err != nil || client.body != tc.want {
				t.Errorf("the body reads %q, error %v", client.body, client.err)
			}
		})
	}
}
