package sqsqueue

import (
	"strconv"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/google/uuid"
)

// Of two suspects that come together at two deliveries in a row, beginning with an even one, each goes first once; and
// the order is another one later.
func TestSuspectsTakeTurns(t *testing.T) {
	t.Parallel()
	at := func(id string, receives int) uint64 {
		l := &lease{message: types.Message{
			MessageId:  aws.String(id),
			Attributes: map[string]string{string(types.MessageSystemAttributeNameApproximateReceiveCount): strconv.Itoa(receives)},
		}}
		return l.order()
	}
	changes := 0
	for range 1000 {
		a, b := uuid.NewString(), uuid.NewString()
		for receives := 2; receives < 8; receives += 2 {
			if (at(a, receives) < at(b, receives)) == (at(a, receives+1) < at(b, receives+1)) {
				t.Fatalf("%s and %s keep their order at deliveries %d and %d", a, b, receives, receives+1)
			}
		}
		if (at(a, 2) < at(b, 2)) != (at(a, 4) < at(b, 4)) {
			changes++
		}
	}
	if changes < 400 || changes > 600 {
		t.Errorf("the order of %d in 1000 pairs is another at the fourth delivery, want about half", changes)
	}
}
