package lambda

import "testing"

// A function is where its queue is.
func TestFunctionARN(t *testing.T) {
	t.Parallel()
	for queue, want := range map[string]string{
		"arn:aws:sqs:us-east-1:000000000000:jobs":            "arn:aws:lambda:us-east-1:000000000000:function:local",
		"arn:aws:sqs:eu-west-1:123456789012:jobs":            "arn:aws:lambda:eu-west-1:123456789012:function:local",
		"arn:aws-us-gov:sqs:us-gov-west-1:000000000000:jobs": "arn:aws-us-gov:lambda:us-gov-west-1:000000000000:function:local",
		"": "arn:aws:lambda:us-east-1:000000000000:function:local",
	} {
		if got := newRequest(queue, nil).FunctionARN; got != want {
			t.Errorf("%q: %s, want %s", queue, got, want)
		}
	}
}
