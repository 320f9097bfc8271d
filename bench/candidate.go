package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// What every candidate is given alike.
const (
	queueName = "bench"
	maxBatch  = 10
	longPoll  = 20 * time.Second
)

// params are a task's parameters: about 200 bytes as JSON.
type params struct {
	CalledAt int64  `json:"called_at"` // when the caller asked for it, in nanoseconds since 1970
	Payload  string `json:"payload"`
}

var payload = strings.Repeat("abcdefghij", 15)

func newParams() params { return params{CalledAt: time.Now().UnixNano(), Payload: payload} }

// handler is what a task does: nothing but count, note its latency, or wait a while.
type handler func(context.Context, params) error

// A candidate is one way to run background tasks on SQS.
type candidate struct {
	name  string
	about string
	// producer prepares to enqueue. The enqueue function returns once SQS has accepted the task; it is called by many
	// goroutines.
	producer func(t target) (enqueue func(context.Context, params) error, err error)
	// work handles tasks, the given number at once, until ctx ends. It decodes the parameters, and acknowledges after the
	// handler has returned.
	work func(ctx context.Context, t target, concurrency int, handle handler) error
}

// candidates are those measured unless others are named, in the order of the table's columns, and then the optional one.
func candidates() []candidate {
	return []candidate{coreCandidate(), naiveCandidate(), tunedCandidate(), gocloudCandidate(), gocloudFewCandidate()}
}

func findCandidate(name string) (candidate, bool) {
	for _, c := range candidates() {
		if c.name == name {
			return c, true
		}
	}
	return candidate{}, false
}

// target is where a candidate's queue is.
type target struct {
	endpoint string // URL of the SQS endpoint
	queueURL string
}

func (t target) config() aws.Config {
	return aws.Config{
		Region:       "us-east-1",
		BaseEndpoint: aws.String(t.endpoint),
		Credentials:  credentials.NewStaticCredentialsProvider("bench", "bench", ""),
	}
}

// client is the SDK's client for the candidates that are not core. Its connection pool is as large as core's, since the
// SDK's own of ten connections a host would make 256 callers open new ones all the time.
func (t target) client() *sqs.Client {
	return sqs.NewFromConfig(t.config(), func(o *sqs.Options) {
		o.HTTPClient = wholeBody{awshttp.NewBuildableClient().
			WithTimeout(longPoll + 10*time.Second).
			WithDialerOptions(func(d *net.Dialer) { d.Timeout = 5 * time.Second }).
			WithTransportOptions(func(t *http.Transport) {
				t.MaxIdleConns = 512
				t.MaxIdleConnsPerHost = 512
			})}
	})
}

// wholeBody hands net/http each request's body as bytes. As the SDK hands it over, it is closed when the answer's header
// is there, and where the goroutine that writes has not seen the body's end by then, net/http takes that for a failed
// write and closes the connection: the answer is lost, and messages that it brought stay hidden for their visibility
// timeout. On a busy machine that met one request in some ten thousand, and decided a run.
type wholeBody struct{ aws.HTTPClient }

// Do sends one request.
func (c wholeBody) Do(r *http.Request) (*http.Response, error) {
	if r.Body != nil && r.ContentLength > 0 {
		body := make([]byte, r.ContentLength)
		if _, err := io.ReadFull(r.Body, body); err != nil {
			return nil, err
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	return c.HTTPClient.Do(r)
}

func encode(p params) (string, error) {
	body, err := json.Marshal(p)
	return string(body), err
}

func decode(body string) (params, error) {
	var p params
	err := json.Unmarshal([]byte(body), &p)
	return p, err
}
