package sqsqueue_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/coretasks/core/sqsqueue"
)

// slowWriter is an HTTP client that has the header of an answer before it has read the whole request, as happens over a
// real connection.
type slowWriter struct {
	body string
	err  error
}

func (s *slowWriter) Do(r *http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: http.StatusOK,
		Header:     http.Header{"Content-Type": {"application/x-amz-json-1.0"}},
		Body:       &lateAnswer{client: s, request: r, answer: strings.NewReader(`{"QueueUrl":"https://sqs.test/1/default"}`)},
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

func TestARequestsBodyOutlivesTheAnswersHeader(t *testing.T) {
	t.Parallel()
	client := &slowWriter{}
	api := sqsqueue.NewAPI(aws.Config{
		Region: "eu-central-1", HTTPClient: client,
		Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
	})
	if _, err := api.GetQueueUrl(t.Context(), &sqs.GetQueueUrlInput{QueueName: aws.String("default")}); err != nil {
		t.Fatal(err)
	}
	if client.err != nil || client.body != `{"QueueName":"default"}` {
		t.Errorf("the body reads %q, error %v", client.body, client.err)
	}
}
