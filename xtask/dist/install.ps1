# Installs farport @VERSION@ for the current user.
#
#   FARPORT_INSTALL_DIR   folder of the program [default: %LOCALAPPDATA%\farport\bin]
#   FARPORT_DOWNLOAD_URL  folder to download from [default: the release on GitHub]
$ErrorActionPreference = "Stop"

$version = "@VERSION@"
$name = "farport-$version-x86_64-pc-windows-gnu"
$digest = "@DIGEST@"
$folder = if ($env:FARPORT_INSTALL_DIR) { $env:FARPORT_INSTALL_DIR } else { "$env:LOCALAPPDATA\farport\bin" }
$from = if ($env:FARPORT_DOWNLOAD_URL) { $env:FARPORT_DOWNLOAD_URL } else { "@REPOSITORY@/releases/download/v$version" }

$scratch = Join-Path ([System.IO.Path]::GetTempPath()) ([System.Guid]::NewGuid())
New-Item -ItemType Directory -Path $scratch | Out-Null
try {
    $archive = Join-Path $scratch "$name.zip"
    Write-Host "Downloading $from/$name.zip"
    Invoke-WebRequest -UseBasicParsing -Uri "$from/$name.zip" -OutFile $archive
    $actual = (Get-FileHash -Algorithm SHA256 -Path $archive).Hash.ToLowerInvariant()
    if ($actual -ne $digest) {
        throw "the checksum of $name.zip is wrong: $actual instead of $digest"
    }
    Expand-Archive -Path $archive -DestinationPath $scratch
    New-Item -ItemType Directory -Force -Path $folder | Out-Null
    Move-Item -Force -Path (Join-Path $scratch "$name\farport.exe") -Destination (Join-Path $folder "farport.exe")
} finally {
    Remove-Item -Recurse -Force -Path $scratch
}

Write-Host "Installed farport $version in $folder"
if (-not (($env:PATH -split ";") -contains $folder)) {
    Write-Host "Add the folder to PATH: [Environment]::SetEnvironmentVariable('PATH', `"`$env:PATH;$folder`", 'User')"
}
