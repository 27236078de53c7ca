{{- define "dto.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "dto.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else if contains (include "dto.name" .) .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "dto.name" .) | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "dto.selectorLabels" -}}
app.kubernetes.io/name: {{ include "dto.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "dto.labels" -}}
{{ include "dto.selectorLabels" . }}
app.kubernetes.io/part-of: dragonfly
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- end -}}

{{- define "dto.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "dto.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "dto.subjects" -}}
- kind: ServiceAccount
  name: {{ include "dto.serviceAccountName" . }}
  namespace: {{ .Release.Namespace }}
{{- end -}}

{{- define "dto.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ default .Chart.AppVersion .Values.image.tag }}
{{- end -}}
{{- end -}}

{{/* What goes before all else in a CRD: the labels, and whether it outlives the release. */}}
{{- define "dto.crdMetadata" -}}
labels:
  {{- include "dto.labels" . | nindent 2 }}
{{- if .Values.crds.keep }}
annotations:
  helm.sh/resource-policy: keep
{{- end }}
{{- end -}}

{{/* How Dragonfly's chart calls what belongs to its release. */}}
{{- define "dto.dragonfly.fullname" -}}
{{- $its := .Values.dragonfly -}}
{{- $name := default "dragonfly" $its.nameOverride -}}
{{- if $its.fullnameOverride -}}
{{- $its.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else if contains $name $its.releaseName -}}
{{- $its.releaseName | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" $its.releaseName $name | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "dto.dragonfly.scheduler" -}}
{{ include "dto.dragonfly.fullname" . }}-scheduler
{{- end -}}

{{- define "dto.dragonfly.pods" -}}
app={{ include "dto.dragonfly.fullname" . }},component in (client,seed-client)
{{- end -}}

{{- define "dto.asksPods" -}}
{{- if and .Values.dragonfly.peers.enabled (not .Values.clusters) -}}true{{- end -}}
{{- end -}}

{{/* Where pods are listed, as JSON. */}}
{{- define "dto.podNamespaces" -}}
{{- $namespaces := list -}}
{{- if include "dto.asksPods" . -}}
{{- $namespaces = list .Values.dragonfly.namespace -}}
{{- end -}}
{{- range .Values.clusters -}}
{{- with .peers -}}
{{- $namespaces = append $namespaces .namespace -}}
{{- end -}}
{{- end -}}
{{- $namespaces | uniq | toJson -}}
{{- end -}}

{{/* The ports of schedulers and peers, as JSON; of a Service whose port has a name, it is not known. */}}
{{- define "dto.dragonflyPorts" -}}
{{- $ports := list -}}
{{- range default (list (include "dto.cluster" . | fromYaml)) .Values.clusters -}}
{{- range .schedulers -}}
{{- $port := kindIs "string" . | ternary (toString . | regexFind "[0-9]+$") (dig "service" "port" "" (kindIs "map" . | ternary . dict) | toString) -}}
{{- if regexMatch "^[0-9]+$" $port -}}
{{- $ports = append $ports (int $port) -}}
{{- end -}}
{{- end -}}
{{- with .peers -}}
{{- $ports = append $ports (default 4000 .port | int) -}}
{{- end -}}
{{- end -}}
{{- append $ports (int .Values.dragonfly.peers.port) | uniq | toJson -}}
{{- end -}}

{{- define "dto.tlsSecret" -}}
{{- default (printf "%s-tls" (include "dto.fullname" .)) .Values.tls.secretName -}}
{{- end -}}

{{/* One side of a cluster's tls: a dict of root and side, as YAML. */}}
{{- define "dto.tlsSide" -}}
ca: /etc/dragonfly-tls/ca.crt
{{- if .root.Values.tls.clientCertificate }}
cert: /etc/dragonfly-tls/tls.crt
key: /etc/dragonfly-tls/tls.key
{{- end }}
{{- with .side.serverName }}
serverName: {{ . }}
{{- end }}
{{- end -}}

{{/* The one cluster that Dragonfly's chart made, as an entry of `clusters`. */}}
{{- define "dto.cluster" -}}
name: default
schedulers:
  - service:
      namespace: {{ .Values.dragonfly.namespace }}
      name: {{ include "dto.dragonfly.scheduler" . }}
      port: {{ .Values.dragonfly.schedulerPort }}
{{- if include "dto.asksPods" . }}
peers:
  namespace: {{ .Values.dragonfly.namespace }}
  labelSelector: {{ include "dto.dragonfly.pods" . }}
  port: {{ .Values.dragonfly.peers.port }}
{{- end }}
{{- if .Values.tls.enabled }}
tls:
  {{- if .Values.tls.schedulers.enabled }}
  schedulers:
    {{- include "dto.tlsSide" (dict "root" . "side" .Values.tls.schedulers) | nindent 4 }}
  {{- end }}
  {{- if .Values.tls.peers.enabled }}
  peers:
    {{- include "dto.tlsSide" (dict "root" . "side" .Values.tls.peers) | nindent 4 }}
  {{- end }}
{{- end }}
{{- end -}}

{{/* The operator's config.yaml. */}}
{{- define "dto.config" -}}
{{- $clusters := default (list (include "dto.cluster" . | fromYaml)) .Values.clusters -}}
{{- toYaml (merge (dict "clusters" $clusters) .Values.config) -}}
{{- end -}}

{{- define "dto.leaseName" -}}
{{- default (printf "%s-leader" (include "dto.fullname" .)) .Values.config.leaderElectName -}}
{{- end -}}
