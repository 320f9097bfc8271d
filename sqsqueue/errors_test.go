package sqsqueue_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/coretasks/core/sqsqueue"
)

// answer is an endpoint that says the same to everything.
func answer(status int, contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body) // a client that has gone is no trouble here
	}
}

// remote returns a client of an endpoint, through the SDK and without its retries.
func remote(t *testing.T, cfg aws.Config) *sqsqueue.Client {
	t.Helper()
	cfg.Region = "us-east-1"
	if cfg.Credentials == nil {
		cfg.Credentials = credentials.NewStaticCredentialsProvider("id", "secret", "")
	}
	c, err := sqsqueue.New(sqsqueue.NewAPI(cfg, func(o *sqs.Options) { o.RetryMaxAttempts = 1 }), sqsqueue.Config{})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Errors are read by people: one short line with the queue, and what there is to do about it.
func TestErrorsOfEndpoints(t *testing.T) {
	t.Parallel()
	const amz = "application/x-amz-json-1.0"
	coded := func(status int, code, message string) http.HandlerFunc {
		return answer(status, amz, fmt.Sprintf(`{"__type":"com.amazonaws.sqs#%s","message":%q}`, code, message))
	}
	var other = errors.New("none of the package's own")
	tests := []struct {
		name     string
		endpoint http.HandlerFunc
		is       error
		says     string
	}{
		{"a web page", answer(200, "text/html", "<html>\n<body>Welcome</body>"), sqsqueue.ErrNotSQS, "AWS_ENDPOINT_URL"},
		{"a web page that is missing", answer(404, "text/html", "<html>\nnot found"), sqsqueue.ErrNotSQS, "AWS_ENDPOINT_URL"},
		{"nothing at all", answer(200, "", ""), sqsqueue.ErrNotSQS, ""},
		{"404 and nothing", answer(404, "", ""), sqsqueue.ErrNotSQS, "404"},
		{"a gateway's 503", answer(503, "", ""), sqsqueue.ErrUnreachable, "503"},
		{"an object without what was asked", answer(200, amz, "{}"), sqsqueue.ErrNotSQS, ""},
		{"an array", answer(200, amz, "[1]"), sqsqueue.ErrNotSQS, ""},
		{"other types", answer(200, amz, `{"QueueUrl":5,"Successful":7,"Attributes":"x"}`), sqsqueue.ErrNotSQS, ""},
		{"another API's error", answer(404, "application/json", `{"message":"no such route"}`), sqsqueue.ErrNotSQS, "404"},
		{"a missing queue", coded(400, "QueueDoesNotExist", "The specified queue does not exist."), sqsqueue.ErrQueueMissing, "core queues apply"},
		{"throttling", coded(400, "RequestThrottled", "Rate exceeded"), other, "RequestThrottled: Rate exceeded"},
		{"access denied", coded(403, "AccessDeniedException", "User x is not authorized\nto perform sqs:GetQueueUrl"), other, "AccessDeniedException: User x is not authorized to perform"},
		{"an endless message", coded(400, "InvalidAddress", strings.Repeat("long ", 10000)), other, "InvalidAddress"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(test.endpoint)
			defer server.Close()
			c := remote(t, aws.Config{BaseEndpoint: aws.String(server.URL)})
			_, err := c.URL(t.Context(), "default")
			checkError(t, err, "find", test.is, test.says)
			if errors.Is(test.is, other) {
				if api := smithy.APIError(nil); !errors.As(err, &api) {
					t.Errorf("no smithy.APIError in %v", err)
				}
			}
			if strings.Contains(test.says, "404") || strings.Contains(test.says, "503") { // the SDK's own is there
				if cause := (*smithyhttp.ResponseError)(nil); !errors.As(err, &cause) {
					t.Errorf("no answer in %v", err)
				}
			}
			// An answer of this kind is never taken for an acceptance.
			if _, err := number.Delay(t.Context(), c, 1); err == nil {
				t.Error("a job was accepted")
			}
		})
	}
}

func checkError(t *testing.T, err error, op string, is error, says string) {
	t.Helper()
	if !isQueueError(err, op) {
		t.Fatalf("%v, want an *Error of %q", err, op)
	}
	for _, own := range []error{sqsqueue.ErrNotSQS, sqsqueue.ErrUnreachable, sqsqueue.ErrQueueMissing, context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, own) != errors.Is(is, own) {
			t.Errorf("%q: matches %q: %v", err, own, errors.Is(err, own))
		}
	}
	line := err.Error()
	if !strings.Contains(line, says) || !strings.HasPrefix(line, op+` on queue "default": `) {
		t.Errorf("%q does not say %q", line, says)
	}
	if len(line) > 600 || strings.ContainsAny(line, "\n\r") || strings.Contains(line, "operation error") {
		t.Errorf("%d bytes, not one short line: %.700q", len(line), line)
	}
}

// send is checked apart from find: the URL is known by then.
func TestErrorsOfSends(t *testing.T) {
	t.Parallel()
	url := func(w http.ResponseWriter, r *http.Request, then http.HandlerFunc) {
		if strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".GetQueueUrl") {
			answer(200, "application/x-amz-json-1.0", `{"QueueUrl":"http://`+r.Host+`/000000000000/default"}`)(w, r)
			return
		}
		then(w, r)
	}
	for name, then := range map[string]http.HandlerFunc{
		"nothing":       answer(200, "", ""),
		"an object":     answer(200, "application/x-amz-json-1.0", "{}"),
		"a web page":    answer(200, "text/html", "<html>"),
		"another entry": answer(200, "application/x-amz-json-1.0", `{"Failed":[{"Id":"7","Code":"X"}]}`),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { url(w, r, then) }))
			defer server.Close()
			_, err := number.Delay(t.Context(), remote(t, aws.Config{BaseEndpoint: aws.String(server.URL)}), 1)
			own, ok := errors.AsType[*sqsqueue.Error](err)
			if !ok {
				t.Fatal(err)
			}
			checkError(t, own, "send", sqsqueue.ErrNotSQS, "AWS_ENDPOINT_URL")
		})
	}
}

func TestErrorsOfTheNetwork(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := "http://" + listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	hanging := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // the server notices that the client has gone only after the body
		<-r.Context().Done()
	}))
	t.Cleanup(hanging.Close)

	t.Run("nothing listens", func(t *testing.T) {
		t.Parallel()
		_, err := remote(t, aws.Config{BaseEndpoint: &closed}).URL(t.Context(), "default")
		checkError(t, err, "find", sqsqueue.ErrUnreachable, strings.TrimPrefix(closed, "http://"))
	})
	t.Run("the caller's time is up", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		_, err := remote(t, aws.Config{BaseEndpoint: &hanging.URL}).URL(ctx, "default")
		checkError(t, err, "find", context.DeadlineExceeded, "")
	})
	// It matches context.DeadlineExceeded in the SDK's error, although no caller set a deadline.
	t.Run("the request's own time is up", func(t *testing.T) {
		t.Parallel()
		cfg := aws.Config{BaseEndpoint: &hanging.URL, HTTPClient: &http.Client{Timeout: 50 * time.Millisecond}}
		_, err := remote(t, cfg).URL(t.Context(), "default")
		own, ok := errors.AsType[*sqsqueue.Error](err)
		if !ok || !errors.Is(own, sqsqueue.ErrUnreachable) {
			t.Errorf("%v, want ErrUnreachable", err)
		}
	})
	t.Run("whoever gives out credentials does not answer", func(t *testing.T) {
		t.Parallel()
		cfg := aws.Config{BaseEndpoint: &closed, Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			dial := &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("no route to host")}
			return aws.Credentials{}, &smithy.OperationError{ServiceID: "ec2imds", OperationName: "GetMetadata", Err: dial}
		})}
		_, err := remote(t, cfg).URL(t.Context(), "default")
		if errors.Is(err, sqsqueue.ErrUnreachable) || !strings.Contains(fmt.Sprint(err), "no AWS credentials: operation error ec2imds") {
			t.Errorf("%v, want it to be about credentials", err)
		}
	})
}

// The SDK puts the certificates of AWS_CA_BUNDLE into the configuration's HTTP client.
func TestNewAPIKeepsTheConfiguredHTTPClient(t *testing.T) {
	t.Parallel()
	server := httptest.NewTLSServer(answer(200, "application/x-amz-json-1.0", `{"QueueUrl":"https://sqs/0/default"}`))
	defer server.Close()
	roots := server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	trusting := awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) { t.TLSClientConfig.RootCAs = roots })
	for name, client := range map[string]aws.HTTPClient{"of the SDK's kind": trusting, "of another": server.Client()} {
		if _, err := remote(t, aws.Config{BaseEndpoint: &server.URL, HTTPClient: client}).URL(t.Context(), "default"); err != nil {
			t.Errorf("a client %s: %v", name, err)
		}
	}
	if _, err := remote(t, aws.Config{BaseEndpoint: &server.URL}).URL(t.Context(), "default"); !errors.Is(err, sqsqueue.ErrUnreachable) {
		t.Errorf("without the certificate: %v", err)
	}
}
