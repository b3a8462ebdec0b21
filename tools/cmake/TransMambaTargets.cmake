# How the project's own targets are made. The tree is written against the shared libMLIR and libLLVM, so a tool links in
# seconds; the libraries below are plain static libraries, and only a final program pulls in the shared ones.

# Warnings are errors in our own code only; third-party headers come in as SYSTEM.
function(transmamba_target_options target)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wno-unused-parameter)
  if(TRANSMAMBA_WERROR)
    target_compile_options(${target} PRIVATE -Werror)
  endif()
endfunction()

# MLIR's headers cost a source several seconds. They are compiled once for the libraries and once for the unit tests
# (position-independent executables), unless TRANSMAMBA_PRECOMPILE_HEADERS is off: a build without shows a source that
# does not include what it uses.
function(transmamba_precompile_headers host)
  add_library(${host} OBJECT ${PROJECT_SOURCE_DIR}/tools/cmake/PrecompiledHeaders.cpp)
  transmamba_target_options(${host})
  target_compile_options(${host} PRIVATE ${ARGN})
  target_precompile_headers(${host} PRIVATE ${PROJECT_SOURCE_DIR}/tools/cmake/PrecompiledHeaders.h)
endfunction()

function(transmamba_use_precompiled_headers target host)
  if(TARGET ${host})
    target_precompile_headers(${target} REUSE_FROM ${host})
  endif()
endfunction()

# transmamba_add_library(NAME source... [DEPENDS target...] [LINK target...]): a library that uses MLIR.
function(transmamba_add_library name)
  cmake_parse_arguments(ARG "" "" "DEPENDS;LINK" ${ARGN})
  add_library(${name} STATIC ${ARG_UNPARSED_ARGUMENTS})
  transmamba_target_options(${name})
  transmamba_use_precompiled_headers(${name} TransMambaPrecompiledHeaders)
  target_link_libraries(${name} PUBLIC ${ARG_LINK} MLIR LLVM)
  if(ARG_DEPENDS)
    add_dependencies(${name} ${ARG_DEPENDS})
  endif()
endfunction()

# transmamba_add_tool(NAME source... [LINK target...]): a program in build/bin.
function(transmamba_add_tool name)
  cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
  add_executable(${name} ${ARG_UNPARSED_ARGUMENTS})
  transmamba_target_options(${name})
  target_link_libraries(${name} PRIVATE ${ARG_LINK})
  set_property(GLOBAL APPEND PROPERTY TRANSMAMBA_TOOLS ${name})
endfunction()
