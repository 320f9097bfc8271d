package lambdaworker

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/coretasks/core/internal/span"
)

// runtimeAPIVar is set by Lambda to where the Runtime API is.
const runtimeAPIVar = "AWS_LAMBDA_RUNTIME_API"

// environment turns variables into options.
func environment() ([]Option, error) {
	var opts []Option
	if text := os.Getenv("CORE_CONCURRENCY"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return nil, fmt.Errorf("CORE_CONCURRENCY=%q is invalid: it must be a whole number of 1 or more", text)
		}
		opts = append(opts, Concurrency(n))
	}
	if text := os.Getenv("CORE_GRACE"); text != "" {
		d, err := span.Parse(text)
		if err != nil || d <= 0 {
			return nil, fmt.Errorf("CORE_GRACE=%q is invalid: it must be a length of time such as 1s, more than 0", text)
		}
		opts = append(opts, Grace(d))
	}
	return opts, nil
}

// reportInit tells Lambda why the function can't start.
func reportInit(api string, problem error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	body, err := json.Marshal(map[string]string{"errorType": "Runtime.InitError", "errorMessage": problem.Error()})
	if err != nil {
		return
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+api+"/2018-06-01/runtime/init/error", bytes.NewReader(body))
	if err != nil {
		return
	}
	response, err := http.DefaultClient.Do(request)
	if err == nil {
		_ = response.Body.Close() // the process ends with the same error next
	}
}

func fatal(err error) {
	_, _ = fmt.Fprintf(os.Stderr, "core: %s\n", strings.ReplaceAll(err.Error(), "\n", "; "))
	os.Exit(1)
}
