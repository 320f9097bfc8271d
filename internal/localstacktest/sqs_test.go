package localstacktest

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/coretasks/core/internal/conformance"
	"github.com/coretasks/core/internal/sqstest"
	"github.com/coretasks/core/internal/testenv"
)

// TestSQS shows that the suite of queue behaviour asks for nothing that only the emulator does, and keeps a
// list of what cannot be tried on LocalStack.
func TestSQS(t *testing.T) {
	t.Parallel()
	const (
		unchecked = "LocalStack does not check this value"
		notParsed = "LocalStack stores the policy without looking at its target"
	)
	config := testenv.LocalStack(t)
	elsewhere := config.Copy()
	elsewhere.Region = "eu-west-1"
	sqstest.Run(t, sqstest.Harness{
		API: sqs.NewFromConfig(config), Elsewhere: sqs.NewFromConfig(elsewhere),
		Known: conformance.Known{Deviations: map[string]string{
			"AttributeRanges/VisibilityTimeout":             unchecked,
			"AttributeRanges/MaximumMessageSize":            unchecked,
			"AttributeRanges/MessageRetentionPeriod":        unchecked,
			"AttributeRanges/DelaySeconds":                  unchecked,
			"AttributeRanges/ReceiveMessageWaitTimeSeconds": unchecked,
			"SetAttributesAllOrNothing":                     unchecked,
			"EncryptionAttributes":                          "LocalStack keeps the period of a key that is gone",

			"ParametersOutOfRange/SendMessage.DelaySeconds":                  unchecked,
			"ParametersOutOfRange/ReceiveMessage.MaxNumberOfMessages":        "LocalStack checks only the upper bound",
			"ParametersOutOfRange/ReceiveMessage.VisibilityTimeout":          unchecked,
			"ParametersOutOfRange/ChangeMessageVisibility.VisibilityTimeout": unchecked,
			"ChangeVisibilityBatchOutOfRange":                                unchecked,
			"SendBatchPartlyFails/a_long_delay":                              unchecked,
			"SendBatchPartlyFails/a_negative_delay":                          unchecked,
			"MoveTaskTooFast":                                                unchecked,

			"MessageAttributesRefused/eleven_of_them":        unchecked,
			"MessageAttributesRefused/an_empty_binary":       unchecked,
			"MessageAttributesRefused/an_empty_name":         unchecked,
			"MessageAttributesRefused/a_name_with_..":        unchecked,
			"MessageAttributesRefused/a_name_of_257_bytes":   "LocalStack counts characters",
			"MessageAttributesRefused/another_in_a_number":   unchecked,
			"MessageAttributesRefused/a_number_that_is_none": unchecked,

			"RedrivePolicyRefused/an_unknown_target":    notParsed,
			"RedrivePolicyRefused/a_target_without_arn": notParsed,

			"QueueByName/DeleteQueue":        "LocalStack fails with InternalError",
			"UnknownQueue/an_unknown_name":   "LocalStack fails with InternalError at DeleteQueue",
			"MoveTaskRefused/names_for_ARNs": "LocalStack fails with InternalError",

			"RegionsOfPolicies/into_another_region": notParsed,
			"RegionsOfMoveTasks/of_another_region":  "LocalStack looks in all regions",

			"SendBatchSendersFault":       "LocalStack sets SenderFault on no entry",
			"VisibilityBeyondTwelveHours": "LocalStack has no limit on the sum of extensions",
			"MoveTaskRenews":              "LocalStack moves the message itself",
			"MoveTaskCancelEnded":         "LocalStack accepts it and does nothing",
		},
			Harmful: map[string]string{
				"RedrivePolicyNoJSON": "LocalStack stores it and then fails on every call that looks at redrive policies",
			}},
	})
}
