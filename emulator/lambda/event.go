package lambda

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/google/uuid"
)

// functionARN is what invocations are told of the function: it is where its queue is.
func functionARN(queueARN string) string {
	part := strings.Split(queueARN, ":") // arn:PARTITION:sqs:REGION:ACCOUNT:NAME
	if len(part) != 6 {
		return "arn:aws:lambda:us-east-1:000000000000:function:local"
	}
	return strings.Join([]string{"arn", part[1], "lambda", part[3], part[4], "function", "local"}, ":")
}

// A Request is one invocation. Its deadline is that of the context it comes with.
type Request struct {
	ID      string
	Payload []byte
	// FunctionARN is what the function is told that it is called.
	FunctionARN string
	// Trace is the X-Ray header.
	Trace string
}

func newRequest(queueARN string, payload []byte) Request {
	id := uuid.New()
	trace := strings.ReplaceAll(uuid.NewString(), "-", "")
	return Request{
		ID: id.String(), Payload: payload, FunctionARN: functionARN(queueARN),
		Trace: fmt.Sprintf("Root=1-%s-%s;Parent=%s;Sampled=0", trace[:8], trace[8:], strings.ReplaceAll(id.String(), "-", "")[:16]),
	}
}

// A Function is what is invoked. An error, or a call that does not return by the deadline, fails the invocation.
type Function interface {
	Invoke(ctx context.Context, r Request) ([]byte, error)
}

type inProcess struct{ handler lambda.Handler }

// InProcess makes a function of a handler, called as aws-lambda-go calls it.
func InProcess(h lambda.Handler) Function { return inProcess{h} }

func (f inProcess) Invoke(ctx context.Context, r Request) ([]byte, error) {
	ctx = lambdacontext.NewContext(ctx, &lambdacontext.LambdaContext{AwsRequestID: r.ID, InvokedFunctionArn: r.FunctionARN})
	ctx = context.WithValue(ctx, "x-amzn-trace-id", r.Trace) //nolint:staticcheck // aws-lambda-go's own key
	type answer struct {
		payload []byte
		err     error
	}
	answers := make(chan answer, 1)
	go func() {
		payload, err := f.handler.Invoke(ctx, r.Payload)
		answers <- answer{payload, err}
	}()
	select {
	case a := <-answers:
		return a.payload, a.err
	case <-ctx.Done():
		return nil, timedOut(r.ID)
	}
}

func timedOut(id string) error {
	return &InvocationError{Type: "Sandbox.Timedout", Message: "RequestId: " + id + " Error: the function did not answer by its deadline"}
}

// event is a batch as Lambda hands it over.
func event(arn string, batch []types.Message) ([]byte, error) {
	part := strings.Split(arn, ":")
	region := ""
	if len(part) > 3 {
		region = part[3]
	}
	e := events.SQSEvent{Records: make([]events.SQSMessage, len(batch))}
	for i, m := range batch {
		e.Records[i] = events.SQSMessage{
			MessageId: aws.ToString(m.MessageId), ReceiptHandle: aws.ToString(m.ReceiptHandle), Body: aws.ToString(m.Body),
			Md5OfBody: aws.ToString(m.MD5OfBody), Md5OfMessageAttributes: aws.ToString(m.MD5OfMessageAttributes),
			Attributes: m.Attributes, MessageAttributes: map[string]events.SQSMessageAttribute{},
			EventSource: "aws:sqs", EventSourceARN: arn, AWSRegion: region,
		}
		for name, a := range m.MessageAttributes {
			e.Records[i].MessageAttributes[name] = events.SQSMessageAttribute{
				DataType: aws.ToString(a.DataType), StringValue: a.StringValue, BinaryValue: a.BinaryValue,
				StringListValues: []string{}, BinaryListValues: [][]byte{},
			}
		}
	}
	return json.Marshal(e)
}

// failuresMember is what a partial batch response lists the failed messages in.
const failuresMember = "batchItemFailures"

// worked returns the messages of a batch that a partial batch response lets go. What Lambda takes for a failure of the
// whole batch is an error: no JSON, an entry without an identifier, one that is of no message ("Handling errors for an SQS
// event source in Lambda"). So is the member in other letters: Lambda would find no failures in it and delete everything.
func worked(batch []types.Message, answer []byte) ([]types.Message, error) {
	if text := strings.TrimSpace(string(answer)); text == "" || text == "null" {
		return batch, nil
	}
	var response map[string]json.RawMessage
	if err := json.Unmarshal(answer, &response); err != nil {
		return batch, fmt.Errorf("%w: %w", errBadResponse, err)
	}
	for name := range response {
		if name != failuresMember && strings.EqualFold(name, failuresMember) {
			return batch, fmt.Errorf("%w: its member %q must be called %s", errBadResponse, name, failuresMember)
		}
	}
	var failures []map[string]any
	if list := response[failuresMember]; list != nil {
		if err := json.Unmarshal(list, &failures); err != nil {
			return batch, fmt.Errorf("%w: %w", errBadResponse, err)
		}
	}
	failed := map[string]bool{}
	for _, f := range failures {
		id, _ := f["itemIdentifier"].(string)
		if id == "" {
			return batch, fmt.Errorf("%w: an entry has no itemIdentifier", errBadResponse)
		}
		failed[id] = true
	}
	var done []types.Message
	named := map[string]bool{}
	for _, m := range batch {
		if id := aws.ToString(m.MessageId); failed[id] {
			named[id] = true
		} else {
			done = append(done, m)
		}
	}
	for id := range failed {
		if !named[id] {
			return batch, fmt.Errorf("%w: itemIdentifier %q is of no message of the batch", errBadResponse, id)
		}
	}
	return done, nil
}
