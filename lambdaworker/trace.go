package lambdaworker

import (
	"context"
	"strings"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/coretasks/core/tasks"
)

// The headers that carry a trace, as propagators look them up.
const (
	traceparent = "traceparent"
	xrayHeader  = "X-Amzn-Trace-Id"
)

// invocationTrace is the X-Ray header of the invocation, which aws-lambda-go keeps under this key.
func invocationTrace(ctx context.Context) string {
	header, _ := ctx.Value("x-amzn-trace-id").(string)
	return header
}

// messageTrace is the trace of a message whose envelope has none: of the request that sent it, where X-Ray followed that,
// and otherwise of the invocation.
func messageTrace(r *events.SQSMessage, invocation string) map[string]string {
	header := attribute(r, types.MessageSystemAttributeNameAWSTraceHeader)
	if header == "" {
		header = invocation
	}
	if header == "" {
		return nil
	}
	trace := map[string]string{xrayHeader: header}
	if w3c, ok := toTraceparent(header); ok {
		trace[traceparent] = w3c
	}
	return trace
}

// Trace is for the Trace of a sqsqueue.Config: jobs that a task enqueues then belong to the trace of its own job.
func Trace(ctx context.Context) map[string]string {
	attempt, _ := tasks.Current(ctx)
	return attempt.Trace
}

// toTraceparent writes an X-Ray header (Root=1-<8 hex>-<24 hex>;Parent=<16 hex>;Sampled=1) as W3C's header: the IDs are
// the same.
func toTraceparent(header string) (string, bool) {
	var root, parent, sampled string
	for field := range strings.SplitSeq(header, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(field), "=")
		switch name {
		case "Root":
			root = value
		case "Parent":
			parent = value
		case "Sampled":
			sampled = value
		}
	}
	epoch, rest, _ := strings.Cut(strings.TrimPrefix(root, "1-"), "-")
	if !strings.HasPrefix(root, "1-") || !isHex(epoch, 8) || !isHex(rest, 24) || !isHex(parent, 16) {
		return "", false
	}
	flags := "00"
	if sampled == "1" {
		flags = "01"
	}
	return "00-" + epoch + rest + "-" + parent + "-" + flags, true
}

func isHex(s string, length int) bool {
	return len(s) == length && strings.Trim(s, "0123456789abcdef") == "" && strings.Trim(s, "0") != ""
}
