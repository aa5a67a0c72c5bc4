// Package doctor breaks the law.
package doctor

import (
	_ "github.com/NVIDIA/go-nvml/pkg/nvml" // want `internal/doctor may not import github.com/NVIDIA/go-nvml/pkg/nvml`

	_ "livedub/signaling" // want `internal/doctor may not import signaling`
)
